import { colors } from '../output.ts';

const WIDTH = 72;

/**
 * What a person sees while `up` starts: one line per step, with how long it took, and on a terminal a last
 * line with what is still under way.
 */
export class Screen {
  readonly #underWay = new Set<string>();

  constructor(private readonly out: NodeJS.WriteStream = process.stdout) {}

  get isTerminal(): boolean {
    return this.out.isTTY === true && process.env.TERM !== 'dumb';
  }

  readonly say = (line = ''): void => {
    this.#write(`${line}\n`);
  };

  /** Gives back what a bar may have taken: for an end without ceremony. */
  restore(): void {
    if (this.isTerminal) this.out.write('\x1b[?25h\n');
  }

  readonly warn = (line: string): void => {
    this.say(`  ${colors.yellow('!')} ${line}`);
  };

  /** Runs one step; `describe` makes the line that is printed when it has succeeded. */
  async step<T>(
    name: string,
    work: () => Promise<T>,
    describe: (value: T) => string = () => name,
  ): Promise<T> {
    const startedAt = performance.now();
    this.#underWay.add(name);
    this.#write('');
    try {
      const value = await work();
      this.#underWay.delete(name);
      const text = describe(value);
      const took = `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`;
      this.say(
        `  ${colors.green('✓')} ${text}${' '.repeat(Math.max(2, WIDTH - text.length))}${colors.dim(took)}`,
      );
      return value;
    } finally {
      this.#underWay.delete(name);
      this.#write('');
    }
  }

  #write(text: string): void {
    if (!this.isTerminal) {
      if (text !== '') this.out.write(text);
      return;
    }
    const names = [...this.#underWay].join(', ').slice(0, Math.max(20, this.out.columns - 6));
    this.out.write(`\r\x1b[K${text}${names === '' ? '' : colors.dim(`  … ${names}`)}`);
  }
}
