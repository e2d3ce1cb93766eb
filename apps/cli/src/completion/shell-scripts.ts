import type { CommandWords, OptionValues } from './word-tree.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The script that makes a shell complete `pushfleet`. */
export function completionScript(
  shell: Shell,
  commands: readonly CommandWords[],
  values: readonly OptionValues[],
): string {
  if (shell === 'bash') return bash(commands, values);
  return shell === 'zsh' ? zsh(commands, values) : fish(commands, values);
}

function bash(commands: readonly CommandWords[], values: readonly OptionValues[]): string {
  const ofCommand = commands.map(({ word, next, options }) => {
    const deeper = next.filter((one) => one.options.length > 0);
    const words = [...next, ...options].map((one) => one.word).join(' ');
    if (deeper.length === 0) return `    ${word}) words='${words}' ;;`;
    const cases = deeper.map((one) => `${one.word}) words='${one.options.map((o) => o.word).join(' ')}' ;;`);
    return `    ${word}) case "$second" in ${cases.join(' ')} *) words='${words}' ;; esac ;;`;
  });
  return `_pushfleet() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" second='' words=''
  ((COMP_CWORD > 2)) && second="\${COMP_WORDS[2]}"
  case "$prev" in
${values.map(({ option, values: list }) => `    ${option}) COMPREPLY=($(compgen -W '${list.join(' ')}' -- "$cur")); return ;;`).join('\n')}
  esac
  if ((COMP_CWORD == 1)); then words='${[...commands.map(({ word }) => word), 'help'].join(' ')}'
  else case "\${COMP_WORDS[1]}" in
${ofCommand.join('\n')}
    help) words='${commands.map(({ word }) => word).join(' ')}' ;;
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _pushfleet pushfleet
`;
}

function zsh(commands: readonly CommandWords[], values: readonly OptionValues[]): string {
  const list = (words: readonly { word: string; meaning: string }[]) =>
    `(${words.map(({ word, meaning }) => quote(`${word.replaceAll(':', '\\:')}${meaning === '' ? '' : `:${meaning}`}`)).join(' ')})`;
  const ofCommand = commands.map(({ word, next, options }) => {
    const deeper = next.filter((one) => one.options.length > 0);
    const cases = deeper.map((one) => `${one.word}) list=${list(one.options)} ;;`);
    const own = `list=${list([...next, ...options])}`;
    return cases.length === 0
      ? `    ${word}) ${own} ;;`
      : `    ${word}) case "\${words[3]}" in ${cases.join(' ')} *) ${own} ;; esac ;;`;
  });
  return `#compdef pushfleet
_pushfleet() {
  local -a list
  case "\${words[CURRENT-1]}" in
${values.map(({ option, values: choices }) => `    ${option}) list=(${choices.join(' ')}); _describe value list; return ;;`).join('\n')}
  esac
  if ((CURRENT == 2)); then list=${list(commands)}
  else case "\${words[2]}" in
${ofCommand.join('\n')}
  esac; fi
  _describe pushfleet list || _files
}
if [[ "\${funcstack[1]}" == _pushfleet ]]; then _pushfleet "$@"
else compdef _pushfleet pushfleet; fi
`;
}

function fish(commands: readonly CommandWords[], values: readonly OptionValues[]): string {
  const lines = commands.flatMap((command) => {
    const seen = `-n '__fish_seen_subcommand_from ${command.word}'`;
    const deeper = command.next.flatMap((one) =>
      one.options.map((option) =>
        optionLine(
          `-n '__fish_seen_subcommand_from ${command.word}; and __fish_seen_subcommand_from ${one.word}'`,
          option,
          values,
        ),
      ),
    );
    return [
      `complete -c pushfleet -n __fish_use_subcommand -f -a ${command.word} -d ${quote(command.meaning)}`,
      ...command.next.map(
        ({ word, meaning }) => `complete -c pushfleet ${seen} -f -a ${word} -d ${quote(meaning)}`,
      ),
      ...command.options.map((option) => optionLine(seen, option, values)),
      ...deeper,
    ];
  });
  return `${lines.join('\n')}\n`;
}

function optionLine(
  condition: string,
  { word, meaning }: { word: string; meaning: string },
  values: readonly OptionValues[],
): string {
  const choices = values.find(({ option }) => option === word)?.values;
  const value = choices === undefined ? '' : ` -x -a ${quote(choices.join(' '))}`;
  return `complete -c pushfleet ${condition} -l ${word.slice(2)}${value} -d ${quote(meaning)}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
