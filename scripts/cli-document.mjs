/** The commands of `pushfleet` for the documentation: what their own --help prints, word for word. */

/** A heading and the help of each command, and of each of its subcommands. */
export async function commandsText() {
  const { buildProgram } = await import('../apps/cli/dist/program.js');
  return (await buildProgram()).commands
    .flatMap((command) => [section(command, command.name()), ...subcommands(command)])
    .join('\n\n');
}

function subcommands(command) {
  return command.commands.map((one) => section(one, `${command.name()} ${one.name()}`));
}

function section(command, name) {
  return `### ${name}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\``;
}

/** As on a terminal of 100 columns, without colours. */
function helpOf(command) {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
    getOutHelpWidth: () => 100,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return text.trim();
}
