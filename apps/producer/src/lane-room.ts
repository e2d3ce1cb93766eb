import type { Lane } from '@pushfleet/shared/domain/lanes';

/** What may still be added to a lane. */
export interface Room {
  readonly recipients: number;
  readonly jobs: number;
}

/**
 * Room in the lanes, as this producer's dispatcher saw it last, less what was added since. Where the dispatcher has
 * not looked yet there is none.
 */
export class LaneRoom {
  readonly #full = new Set<string>();
  readonly #left = new Map<string, { recipients: number; jobs: number }>();

  /** @param room null: workers have enough to do in this lane */
  set(app: string, lane: Lane, room: Room | null): void {
    const key = `${app} ${lane}`;
    if (room === null) this.#full.add(key);
    else this.#full.delete(key);
    this.#left.set(key, room === null ? { recipients: 0, jobs: 0 } : { ...room });
  }

  isFull(app: string, lane: Lane): boolean {
    return this.#full.has(`${app} ${lane}`);
  }

  /** Takes room for one job. @returns false when it does not fit */
  take(app: string, lane: Lane, recipients: number): boolean {
    const left = this.#left.get(`${app} ${lane}`);
    if (left === undefined || left.jobs < 1 || left.recipients < recipients) return false;
    left.jobs--;
    left.recipients -= recipients;
    return true;
  }
}
