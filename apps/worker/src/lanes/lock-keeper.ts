import type { RunHold } from './run-hold.ts';

const LOOK_EVERY_MS = 500;
/** BullMQ renews a lock when it is some 1.5 to 3 s old, and a run stops sending at 4 s. */
const LATE_MS = 3_300;

export interface LockedRun {
  readonly jobId: string;
  readonly lockToken: string;
  readonly hold: RunHold;
}

/**
 * Renews the locks that BullMQ forgets: it goes by the wall clock, and after a step back it would renew
 * none for as long as the step. The runs then lose their jobs, and would wait for their locks till then.
 */
export class LockKeeper {
  #timer: NodeJS.Timeout | undefined;
  #busy = false;

  constructor(
    private readonly runs: () => readonly LockedRun[],
    private readonly renew: (jobIds: string[], lockTokens: string[]) => Promise<unknown>,
  ) {
    this.#timer = setInterval(() => void this.#look(), LOOK_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    const late = this.runs().filter(({ hold }) => hold.haltedBy !== 'lost' && hold.lockAgeMs() > LATE_MS);
    if (late.length === 0 || this.#busy) return;
    this.#busy = true;
    try {
      await this.renew(
        late.map(({ jobId }) => jobId),
        late.map(({ lockToken }) => lockToken),
      );
    } catch {
      // Redis refuses; BullMQ's own renewals say so.
    } finally {
      this.#busy = false;
    }
  }
}
