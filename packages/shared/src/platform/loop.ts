import type { Log } from './log.ts';
import type { Stoppable } from './stop.ts';

export interface LoopOptions {
  readonly name: string;
  readonly intervalMs: number;
  /** One look at the state; true when there is more to do at once. */
  readonly step: () => Promise<unknown>;
  readonly log: Log;
}

export interface Loop extends Stoppable {
  /** Looks at once, and once more if a look is under way. */
  wake(): void;
  /** For how long each of its looks has failed, in milliseconds; 0 while they succeed. */
  failingForMs(): number;
}

const LONGEST_BACKOFF_MS = 5_000;

/**
 * Repeats a step over the state in the database: what one look misses, the next one finds. A failed look is
 * logged when the failure begins and tried again with growing pauses.
 */
export function startLoop({ name, intervalMs, step, log }: LoopOptions): Loop {
  let stopped = false;
  let woken = false;
  let wakeUp: () => void = () => {};
  let failures = 0;
  let failingSince = 0;

  const pause = (ms: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
      if (stopped || woken) wakeUp();
    });

  const look = async (): Promise<boolean> => {
    try {
      const more = await step();
      if (failures > 0) log.info({ event: 'loop.recovered', loop: name, failures }, 'a loop works again');
      failures = 0;
      return more === true;
    } catch (error) {
      if (failures++ === 0) failingSince = performance.now();
      const line = { event: 'loop.failed', loop: name, failures, err: error } as const;
      if (failures === 1) log.warn(line, 'a loop failed; it tries again');
      else log.debug(line, 'a loop failed again');
      return false;
    }
  };

  const running = (async () => {
    while (!stopped) {
      woken = false;
      const more = await look();
      // Between two looks others get their turn, also when there is always more to do.
      if (more) await new Promise(setImmediate);
      else
        await pause(
          failures === 0 ? intervalMs : Math.min(LONGEST_BACKOFF_MS, 250 * 2 ** Math.min(failures, 6)),
        );
    }
  })();

  return {
    name,
    wake() {
      woken = true;
      wakeUp();
    },
    failingForMs: () => (failures === 0 ? 0 : performance.now() - failingSince),
    async stop() {
      stopped = true;
      wakeUp();
      await running;
    },
  };
}
