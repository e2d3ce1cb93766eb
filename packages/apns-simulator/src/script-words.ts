/** The words of one line, taken from left to right. Each method that fails says what it wanted. */
export class ScriptWords {
  private readonly words: readonly string[];
  private at = 0;

  constructor(line: string) {
    this.words = line.split(/\s+/).filter((word) => word !== '');
  }

  get isAtEnd(): boolean {
    return this.at >= this.words.length;
  }

  /** The next word, which is not taken; '' at the end. */
  peek(): string {
    return this.words[this.at] ?? '';
  }

  /** Takes the next word, described by `what` where it is missing. */
  take(what: string): string {
    const word = this.words[this.at++];
    if (word === undefined) throw new Error(`${what} is missing`);
    return word;
  }

  /** Takes the next word if it is this one. */
  takeIf(word: string): boolean {
    if (this.words[this.at] !== word) return false;
    this.at++;
    return true;
  }

  /** Takes a whole number. */
  takeNumber(what: string): number {
    const word = this.take(what);
    if (!/^\d+$/.test(word)) throw new Error(`${what} must be a whole number, not "${word}"`);
    return Number(word);
  }

  /** Takes a duration such as 500ms, 1.5s, 2m, 1h, with a sign if `signed`; returns milliseconds. */
  takeDuration(what: string, signed = false): number {
    const word = this.take(what);
    const match = /^([+-]?)(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(word);
    if (match === null || (match[1] !== '' && !signed)) {
      throw new Error(`${what} must be a duration such as 500ms or 2s, not "${word}"`);
    }
    const scale = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[3] as 'ms' | 's' | 'm' | 'h'];
    return (match[1] === '-' ? -1 : 1) * Number(match[2]) * scale;
  }
}
