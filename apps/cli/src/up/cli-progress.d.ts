/** The part of cli-progress that we use; the package has no types of its own. */
declare module 'cli-progress' {
  export interface SingleBar {
    setTotal(total: number): void;
    update(value: number, payload: Readonly<Record<string, unknown>>): void;
  }
  export class MultiBar {
    constructor(options: Readonly<Record<string, unknown>>);
    create(total: number, start: number, payload: Readonly<Record<string, unknown>>): SingleBar;
    stop(): void;
  }
}
