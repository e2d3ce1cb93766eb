import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from './log.ts';

export interface ServerWaitOptions<T> {
  /** For people: "MySQL". */
  readonly server: string;
  /** The setting that names its address. */
  readonly setting: string;
  readonly open: () => Promise<T>;
  /** Whether an error says only that the server is not there yet. */
  readonly isAway: (error: unknown) => boolean;
  readonly log: Log;
}

const LONGEST_PAUSE_MS = 2_000;
const TELL_AGAIN_MS = 30_000;

/**
 * Tries until the server is there. All parts of an installation may start at once, and a supervisor that
 * counts restarts would give up before MySQL has recovered. A signal ends the wait, see `leaveOnSignal`.
 *
 * @throws any other error of `open` at once: waiting does not mend a wrong password
 */
export async function untilServerIsThere<T>(options: ServerWaitOptions<T>): Promise<T> {
  const { server, setting, open, isAway, log } = options;
  const begun = performance.now();
  let toldAt = Number.NEGATIVE_INFINITY;
  for (let attempt = 1; ; attempt++) {
    try {
      const opened = await open();
      if (attempt > 1)
        log.info(
          { event: 'start.serverThere', server, afterMs: Math.round(performance.now() - begun) },
          `${server} is there; the start goes on`,
        );
      return opened;
    } catch (error) {
      if (!isAway(error)) throw error;
      if (performance.now() - toldAt >= TELL_AGAIN_MS) {
        toldAt = performance.now();
        log.warn(
          { event: 'start.waiting', server, err: error },
          `waiting for ${server}, which cannot be reached: start it, or mend ${setting}`,
        );
      }
    }
    await sleep(Math.min(LONGEST_PAUSE_MS, 250 * attempt));
  }
}
