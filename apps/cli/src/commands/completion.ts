import { Argument, type Command } from 'commander';
import { completionScript, SHELLS, type Shell } from '../completion/shell-scripts.ts';
import { commandWords, optionValues } from '../completion/word-tree.ts';

/** completion: the script that makes a shell complete commands and options. */
export function addCompletion(program: Command): void {
  program
    .command('completion')
    .addArgument(new Argument('<shell>', 'the shell').choices([...SHELLS]))
    .summary('a script that makes your shell complete commands and options')
    .description(
      'Prints a script that makes your shell complete the commands and options of pushfleet. It needs pushfleet on the PATH (npx alone cannot be completed).',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  eval "$(pushfleet completion bash)"\n  pushfleet completion zsh > ~/.zfunc/_pushfleet\n  pushfleet completion fish > ~/.config/fish/completions/pushfleet.fish',
    )
    .action((shell: Shell) => {
      process.stdout.write(completionScript(shell, commandWords(program), optionValues(program)));
    });
}
