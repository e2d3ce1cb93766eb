import { randomBytes, scryptSync } from 'node:crypto';
import basicAuth from '@fastify/basic-auth';
import csrfProtection from '@fastify/csrf-protection';
import rateLimit from '@fastify/rate-limit';
import secureSession from '@fastify/secure-session';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sayNo, wantsPage } from './error-page.ts';
import { page } from './layout.ts';
import { isLogin, type Login, namesThisMachine } from './login.ts';
import { loginForm } from './login-page.ts';
import { ownPath } from './own-path.ts';
import { whyForeign } from './same-origin.ts';
import { IDLE_SECONDS } from './session-age.ts';
import { Sessions } from './sessions.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without a login. */
    open?: boolean;
  }
}

const ATTEMPTS_A_MINUTE = 10;
const COOKIE = 'pushfleet_board';
const NO_LOGIN =
  'Without a login the board answers to localhost only. Set PUSHFLEET_BOARD_USER and PUSHFLEET_BOARD_PASSWORD.';
const TOO_MANY = 'Too many attempts to log in; wait a minute.';

/**
 * Login first, then where a change comes from: for pages, files and API alike. People get a session by the login
 * page, scripts use Basic authentication; both share the attempts of an address.
 *
 * @param base base path without a slash at its end
 */
export async function guardRequests(guarded: FastifyInstance, login: Login, base: string): Promise<void> {
  await guarded.register(secureSession, {
    cookieName: COOKIE,
    key: sessionKey(login),
    expiry: IDLE_SECONDS,
    cookie: { path: base === '' ? '/' : base, httpOnly: true, sameSite: 'lax', secure: 'auto' },
  });
  await guarded.register(csrfProtection, { sessionPlugin: '@fastify/secure-session' });
  guarded.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: 65_536 },
    async (_request: FastifyRequest, body: string) => Object.fromEntries(new URLSearchParams(body)),
  );
  if (login === null) guarded.addHook('onRequest', refuseOtherNames);
  else await askForLogin(guarded, login, base);
  guarded.addHook('onRequest', async (request, reply) => {
    const why = whyForeign(request.method, request.headers);
    if (why !== null) return sayNo(request, reply, base, 403, why);
  });
}

/** The user whose name a change carries. */
export function userOf(login: Login): string {
  return login === null ? 'this machine' : login.user;
}

/** One that no browser has sent carries no session that could be abused: Basic authentication vouches for it. */
export function isScript({ headers }: FastifyRequest): boolean {
  return (
    headers.authorization !== undefined &&
    headers.origin === undefined &&
    headers['sec-fetch-site'] === undefined
  );
}

/** Of the password, so that sessions outlive a restart and another password ends them. Slow to guess from a cookie. */
function sessionKey(login: Login): Buffer {
  return login === null ? randomBytes(32) : scryptSync(login.password, `pushfleet-board ${login.user}`, 32);
}

async function refuseOtherNames(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  if (namesThisMachine(request.headers.host)) return undefined;
  return reply.status(403).send({ error: NO_LOGIN });
}

async function askForLogin(guarded: FastifyInstance, login: NonNullable<Login>, base: string): Promise<void> {
  const sessions = new Sessions(login.user);
  await guarded.register(rateLimit, { global: false });
  const attempts = guarded.createRateLimit({ max: ATTEMPTS_A_MINUTE, timeWindow: 60_000 });
  const isRight = async (request: FastifyRequest, user: string, password: string) => {
    const right = isLogin(login, user, password);
    // A wrong one is counted in the same step in which it is compared, and what came of it is told only where it is
    // among the first: of hundreds sent at once, on one connection, no more are answered than of those sent singly.
    const seen = await attempts(request, { increment: !right });
    if (!seen.isAllowed && (right ? seen.remaining <= 0 : seen.isExceeded))
      throw Object.assign(new Error(TOO_MANY), { statusCode: 429 });
    return right;
  };
  await guarded.register(basicAuth, {
    validate: async (user, password, request) => {
      if (!(await isRight(request, user, password)))
        throw Object.assign(new Error('wrong login'), { statusCode: 401 });
    },
    authenticate: { realm: 'Pushfleet' },
  });
  guarded.addHook('onRequest', async (request, reply) => {
    if (isOpen(request) || sessions.has(request)) return;
    if (wantsPage(request)) return reply.redirect(`${base}/login${query(request)}`, 303);
    // A challenge would make the browser ask in a window of its own, in the middle of a page whose session has ended.
    if (request.headers.authorization === undefined && request.headers['sec-fetch-site'] !== undefined)
      throw Object.assign(new Error('no session'), { statusCode: 401 });
    await new Promise<void>((resolve, reject) => {
      guarded.basicAuth(request, reply, (error?: Error) => (error ? reject(error) : resolve()));
    });
  });
  const form = (reply: FastifyReply, asked: LoginQuery, fault: string | null) => {
    const csrf = reply.generateCsrf();
    const shown = { next: ownPath(asked.next), said: said(asked), fault };
    return reply
      .type('text/html; charset=utf-8')
      .send(page({ title: 'Log in', base, user: null, csrf }, loginForm(base, csrf, shown)));
  };
  guarded.get<{ Querystring: LoginQuery }>('/login', { config: { open: true } }, (request, reply) =>
    sessions.has(request)
      ? reply.redirect(`${base}${ownPath(request.query.next)}`, 303)
      : form(reply, request.query, null),
  );
  guarded.post<{ Body: { user?: string; password?: string; next?: string } }>(
    '/login',
    { config: { open: true }, preHandler: guarded.csrfProtection },
    async (request, reply) => {
      const { user = '', password = '', next } = request.body;
      let fault: string;
      try {
        if (await isRight(request, user, password)) {
          sessions.enter(request);
          return reply.redirect(`${base}${ownPath(next)}`, 303);
        }
        fault = 'User or password is wrong.';
        reply.status(401);
      } catch {
        fault = TOO_MANY;
        reply.status(429);
      }
      return form(reply, { next }, fault);
    },
  );
  guarded.post('/logout', { preHandler: guarded.csrfProtection }, async (request, reply) => {
    sessions.leave(request);
    return reply.redirect(`${base}/login?left=1`, 303);
  });
  // Asked by a page whose events have stopped: has the session ended, or is the board away?
  guarded.get('/session', () => ({ user: login.user }));
}

interface LoginQuery {
  /** Where one was going. */
  readonly next?: unknown;
  readonly ended?: unknown;
  readonly left?: unknown;
}

function said({ ended, left }: LoginQuery): string | null {
  if (left !== undefined) return 'You are logged out.';
  return ended === undefined
    ? null
    : 'Your session has ended. Log in again, and you are back where you were.';
}

/** Tells the login page where one was going, and whether there was a session: a cookie that says nothing any more. */
function query({ method, url, cookies, session }: FastifyRequest): string {
  const next = method === 'GET' ? ownPath(url) : '/';
  const ended = cookies[COOKIE] !== undefined && (session.get('user') ?? session.get('_csrf')) === undefined;
  const all = new URLSearchParams({
    ...(next !== '/' && { next }),
    ...((ended || session.get('user')) && { ended: '1' }),
  });
  return all.size === 0 ? '' : `?${all}`;
}

/** The login page, and its style and script, which hold nothing of the fleet's. */
function isOpen({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config?.open === true || /^\/assets\/(uplot\/)?\*$/.test(routeOptions.url ?? '');
}
