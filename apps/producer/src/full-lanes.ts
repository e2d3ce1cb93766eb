import type { Lane } from '@pushfleet/shared/domain/lanes';

/** Lanes in which workers have enough to do, as this producer's dispatcher saw them last. */
export class FullLanes {
  readonly #full = new Set<string>();

  set(app: string, lane: Lane, isFull: boolean): void {
    if (isFull) this.#full.add(`${app} ${lane}`);
    else this.#full.delete(`${app} ${lane}`);
  }

  has(app: string, lane: Lane): boolean {
    return this.#full.has(`${app} ${lane}`);
  }
}
