import pc from 'picocolors';

/** Prints text with a line end. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Prints one JSON document: all that a command with `--json` writes to stdout. */
export function printJson(document: unknown): void {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

/** Colours on a terminal, none where NO_COLOR is set or somebody else reads. */
export const colors = pc.createColors(
  process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === '' && process.env.TERM !== 'dumb',
);

export function plural(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
