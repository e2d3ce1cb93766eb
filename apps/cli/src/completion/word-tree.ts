import type { Command, Option } from 'commander';

/** A word with what it means, as shells show it. */
export interface Word {
  readonly word: string;
  readonly meaning: string;
}

/** A command with what may follow it. */
export interface CommandWords extends Word {
  /** Subcommands, or the values of an argument that has a choice of them. */
  readonly next: readonly CommandWords[];
  readonly options: readonly Word[];
}

/** An option whose value is one of a few. */
export interface OptionValues {
  readonly option: string;
  readonly values: readonly string[];
}

/** What can be typed behind `pushfleet`, read from the commands themselves. */
export function commandWords(program: Command): CommandWords[] {
  return program.commands.map((command) => ({
    word: command.name(),
    meaning: command.summary() || command.description(),
    next: [...commandWords(command), ...argumentWords(command)],
    options: [
      ...visible(command).map((option) => ({ word: option.long!, meaning: option.description })),
      { word: '--help', meaning: 'what it does, with examples' },
    ],
  }));
}

export function optionValues(program: Command): OptionValues[] {
  const own = visible(program).flatMap(({ long, argChoices }) =>
    argChoices === undefined ? [] : [{ option: long!, values: argChoices }],
  );
  return [...own, ...program.commands.flatMap(optionValues)];
}

function argumentWords(command: Command): CommandWords[] {
  const choices = command.registeredArguments[0]?.argChoices ?? [];
  return choices.map((word) => ({ word, meaning: '', next: [], options: [] }));
}

function visible(command: Command): Option[] {
  return command.options.filter(({ long, hidden }) => long !== undefined && !hidden);
}
