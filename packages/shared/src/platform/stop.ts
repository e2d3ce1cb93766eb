import type { Log } from './log.ts';

export interface Stoppable {
  readonly name: string;
  /** Takes no more, finishes, lets go. Ends within the milliseconds that are left. */
  stop(remainingMs: number): Promise<void>;
}

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
const leave = () => process.exit(0);

/**
 * Until `stopOnSignal` takes over, a signal ends this process at once: it waits for Redis or MySQL and holds
 * nothing. As the first process of a container it would otherwise not even hear of it.
 */
export function leaveOnSignal(): void {
  for (const signal of SIGNALS) process.on(signal, leave);
}

/**
 * Waits for SIGTERM or SIGINT (or for `failure`), then stops the parts in the given order. A second
 * signal ends at once. What does not end in time is left behind: the process exits.
 *
 * @returns the exit code: 0 after an orderly stop, 1 when a part failed or the time ran out
 */
export function stopOnSignal(
  parts: readonly Stoppable[],
  options: { readonly timeoutMs: number; readonly log: Log; readonly failure?: Promise<unknown> },
): Promise<number> {
  return new Promise((resolve) => {
    let stopping = false;
    const begin = (cause: string, exitCode: number) => {
      if (stopping) {
        options.log.warn({ event: 'process.stopNow', cause }, 'asked a second time to stop; leaving at once');
        resolve(1);
        return;
      }
      stopping = true;
      options.log.info({ event: 'process.stopping', cause }, 'stopping');
      stopAll(parts, options).then((clean) => resolve(clean ? exitCode : 1));
    };
    for (const signal of SIGNALS) {
      process.on(signal, () => begin(signal, 0));
      process.off(signal, leave);
    }
    options.failure?.then(
      () => begin('failure', 1),
      (error) => {
        options.log.error({ event: 'process.failed', err: error }, 'cannot go on');
        begin('failure', 1);
      },
    );
  });
}

/**
 * Parts that may wait for a server which does not answer, as one part: stopped in the given order, and left
 * behind `reserveMs` before the deadline, so that whoever closes the connections has its time as well. What
 * such a server was told last may have happened or not; for parts whose next start finds out, that is in order.
 */
export function leaveInTime(
  name: string,
  parts: readonly Stoppable[],
  reserveMs: number,
  log: Log,
): Stoppable {
  return {
    name,
    async stop(remainingMs) {
      const until = Date.now() + Math.max(0, remainingMs - reserveMs);
      const left: string[] = [];
      const failed: unknown[] = [];
      for (const part of parts) {
        const remaining = Math.max(0, until - Date.now());
        // All are asked, also when the time is up or one fails: none takes up anything new.
        const ended = await within(part.stop(remaining), remaining).catch((error) => failed.push(error));
        if (ended === 'late') left.push(part.name);
      }
      if (left.length > 0)
        log.warn(
          { event: 'process.leftBehind', parts: left },
          'a server does not answer; what is under way there is left behind',
        );
      if (failed.length > 0) throw failed[0];
    },
  };
}

/** How long after the deadline a part may take to notice it. */
const LATE_MS = 250;

async function stopAll(
  parts: readonly Stoppable[],
  { timeoutMs, log }: { readonly timeoutMs: number; readonly log: Log },
): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  let clean = true;
  for (const part of parts) {
    const remaining = Math.max(0, deadline - Date.now());
    // After the deadline comes somebody else's SIGKILL: the parts share this moment, none gets it anew.
    const patience = Math.max(LATE_MS / 5, deadline + LATE_MS - Date.now());
    const ended = await within(part.stop(remaining), patience).catch((error: unknown) => {
      log.error({ event: 'process.stopFailed', part: part.name, err: error }, 'a part did not stop in order');
      return 'failed' as const;
    });
    if (ended === 'late')
      log.warn({ event: 'process.stopLate', part: part.name }, 'a part did not stop in time');
    if (ended !== 'done') clean = false;
  }
  if (clean) log.info({ event: 'process.stopped' }, 'stopped');
  return clean;
}

async function within(work: Promise<void>, ms: number): Promise<'done' | 'late'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, ms, 'late');
  });
  try {
    return await Promise.race([work.then(() => 'done' as const), late]);
  } finally {
    clearTimeout(timer);
  }
}
