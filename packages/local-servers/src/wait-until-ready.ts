import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from './child-process.ts';
import { PortTakenError, saysPortTaken } from './free-port.ts';
import { LocalServerError } from './local-server.ts';

/** A server that recovers a large data directory after a crash needs its time; an image may have to be pulled. */
const START_DEADLINE_MS = 120_000;

/**
 * Probes every 25 ms until the server is ready; a probe that throws means "not yet". When the server ends
 * or the deadline passes instead, the child is stopped and PortTakenError or LocalServerError is thrown,
 * with the end of the server's log.
 */
export async function waitUntilReady(
  name: string,
  child: Child,
  probe: () => Promise<boolean>,
  deadlineMs = START_DEADLINE_MS,
): Promise<void> {
  const startedAt = performance.now();
  while (child.running() && performance.now() - startedAt < deadlineMs) {
    if (await probe().catch(() => false)) return;
    await sleep(25);
  }
  const ended = !child.running();
  await child.stop();
  const log = child.logTail();
  if (ended && saysPortTaken(log)) throw new PortTakenError(`${name} found its port taken`);
  const what = ended ? 'ended while starting' : `was not ready after ${Math.round(deadlineMs / 1_000)} s`;
  throw new LocalServerError(`${name} ${what}. It logged:\n${log || '(nothing)'}`);
}
