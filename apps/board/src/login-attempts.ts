import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isLogin, type Login } from './login.ts';

const ATTEMPTS_A_MINUTE = 10;

/** @throws Error with statusCode 429 for an address that is closed, whatever it gives */
export type IsRight = (request: FastifyRequest, user: string, password: string) => Promise<boolean>;

/** Compares logins. Ten wrong ones of an address in a minute, by whatever way, close it for that minute. */
export async function countAttempts(scope: FastifyInstance, login: NonNullable<Login>): Promise<IsRight> {
  await scope.register(rateLimit, { global: false });
  const attempts = scope.createRateLimit({ max: ATTEMPTS_A_MINUTE, timeWindow: 60_000 });
  return async (request, user, password) => {
    const right = isLogin(login, user, password);
    // A wrong one is counted in the same step in which it is compared, and what came of it is told only where it is
    // among the first: of hundreds sent at once, on one connection, no more are answered than of those sent singly.
    const seen = await attempts(request, { increment: !right });
    if (!seen.isAllowed && (right ? seen.remaining <= 0 : seen.isExceeded))
      throw Object.assign(new Error('too many attempts'), { statusCode: 429 });
    return right;
  };
}
