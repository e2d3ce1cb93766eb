import csrfProtection, { type CookieSerializeOptions } from '@fastify/csrf-protection';
import type { Log } from '@pushfleet/shared/platform/log';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { page } from './layout.ts';
import type { IsRight } from './login-attempts.ts';
import { loginForm } from './login-page.ts';
import { ownPath } from './own-path.ts';
import type { Sessions } from './sessions.ts';

export interface LoginRoutesOptions {
  /** Base path without a slash at its end. */
  readonly base: string;
  readonly sessions: Sessions;
  readonly isRight: IsRight;
  readonly log: Log;
  /** Of the form. Everybody gets one: it holds a random number, and nothing is made of the password. */
  readonly cookieName: string;
  readonly cookie: CookieSerializeOptions;
}

interface LoginQuery {
  /** Where one was going. */
  readonly next?: unknown;
  readonly ended?: unknown;
  readonly left?: unknown;
}

interface LoginBody {
  readonly user?: string;
  readonly password?: string;
  readonly next?: string;
}

const BODY = {
  type: 'object',
  properties: { user: { type: 'string' }, password: { type: 'string' }, next: { type: 'string' } },
};
const TOO_MANY = 'Too many attempts to log in; wait a minute.';

/** The page by which people log in. */
export async function loginRoutes(scope: FastifyInstance, options: LoginRoutesOptions): Promise<void> {
  const { base, sessions, isRight, log, cookieName, cookie } = options;
  await scope.register(csrfProtection, {
    sessionPlugin: '@fastify/cookie',
    cookieKey: cookieName,
    cookieOpts: cookie,
  });
  const form = (reply: FastifyReply, asked: LoginQuery, fault: string | null) => {
    const csrf = reply.generateCsrf();
    const shown = { next: ownPath(asked.next), said: said(asked), fault };
    return reply
      .type('text/html; charset=utf-8')
      .send(page({ title: 'Log in', base, user: null, csrf }, loginForm(base, csrf, shown)));
  };
  scope.get<{ Querystring: LoginQuery }>('/login', { config: { open: true } }, (request, reply) =>
    sessions.has(request)
      ? reply.redirect(`${base}${ownPath(request.query.next)}`, 303)
      : form(reply, request.query, null),
  );
  scope.post<{ Body: LoginBody }>(
    '/login',
    { config: { open: true }, schema: { body: BODY }, preHandler: scope.csrfProtection },
    async (request, reply) => {
      const { user = '', password = '', next } = request.body;
      let fault: string;
      try {
        if (await isRight(request, user, password)) {
          sessions.enter(request);
          log.info({ event: 'board.entered', address: request.ip }, 'somebody has logged in');
          return reply.redirect(`${base}${ownPath(next)}`, 303);
        }
        fault = 'User or password is wrong.';
        reply.status(401);
      } catch (error) {
        if ((error as { statusCode?: number }).statusCode !== 429) throw error;
        fault = TOO_MANY;
        reply.status(429);
      }
      return form(reply, { next }, fault);
    },
  );
}

function said({ ended, left }: LoginQuery): string | null {
  if (left !== undefined) return 'You are logged out.';
  return ended === undefined
    ? null
    : 'Your session has ended. Log in again, and you are back where you were.';
}
