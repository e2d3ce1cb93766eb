import rateLimit from '@fastify/rate-limit';
import type { Log } from '@pushfleet/shared/platform/log';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isLogin, type Login } from './login.ts';

const ATTEMPTS_A_MINUTE = 10;
const MINUTE_MS = 60_000;

/** @throws Error with statusCode 429 for an address that is closed, whatever it gives */
export type IsRight = (request: FastifyRequest, user: string, password: string) => Promise<boolean>;

/** Compares logins. Ten wrong ones of an address in a minute, by whatever way, close it for that minute. */
export async function countAttempts(
  scope: FastifyInstance,
  login: NonNullable<Login>,
  log: Log,
): Promise<IsRight> {
  await scope.register(rateLimit, { global: false });
  const attempts = scope.createRateLimit({ max: ATTEMPTS_A_MINUTE, timeWindow: MINUTE_MS });
  let toldClosedAt = Number.NEGATIVE_INFINITY;
  const tell = (address: string, closed: boolean) => {
    // At most ten lines of an address in a minute, and one of all that came after them.
    if (closed && Date.now() - toldClosedAt < MINUTE_MS) return;
    if (closed) toldClosedAt = Date.now();
    // What was given is not told: it may be a password in the wrong field.
    log.warn({ event: 'board.loginRefused', address, closed }, 'a login was refused');
  };
  return async (request, user, password) => {
    const right = isLogin(login, user, password);
    // A wrong one is counted in the same step in which it is compared, and what came of it is told only where it is
    // among the first: of hundreds sent at once, on one connection, no more are answered than of those sent singly.
    const seen = await attempts(request, { increment: !right });
    const closed = !seen.isAllowed && (right ? seen.remaining <= 0 : seen.isExceeded);
    if (closed || !right) tell(request.ip, closed);
    if (closed) throw Object.assign(new Error('too many attempts'), { statusCode: 429 });
    return right;
  };
}
