import { setTimeout as sleep } from 'node:timers/promises';

/** Looks again and again until it is so. @throws Error with what was last seen */
export async function untilTrue<T>(
  look: () => Promise<T> | T,
  isSo: (seen: T) => boolean,
  timeoutMs = 60_000,
): Promise<T> {
  const giveUpAt = performance.now() + timeoutMs;
  for (;;) {
    const seen = await look();
    if (isSo(seen)) return seen;
    if (performance.now() > giveUpAt)
      throw new Error(`not so after ${timeoutMs} ms: ${isSo}; last seen: ${JSON.stringify(seen)}`);
    await sleep(25);
  }
}
