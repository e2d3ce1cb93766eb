import { randomBytes, scryptSync } from 'node:crypto';
import basicAuth from '@fastify/basic-auth';
import csrfProtection from '@fastify/csrf-protection';
import rateLimit from '@fastify/rate-limit';
import secureSession from '@fastify/secure-session';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { page } from './layout.ts';
import { isLogin, type Login, namesThisMachine } from './login.ts';
import { loginForm } from './login-page.ts';
import { whyForeign } from './same-origin.ts';

declare module '@fastify/secure-session' {
  interface SessionData {
    user: string;
    notice: string;
  }
}
declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answered without a login. */
    open?: boolean;
  }
}

const ATTEMPTS_A_MINUTE = 10;
const SESSION_SECONDS = 86_400;
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
    cookieName: 'pushfleet_board',
    key: sessionKey(login),
    expiry: SESSION_SECONDS,
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
    if (why !== null) return reply.status(403).send({ error: why });
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
  await guarded.register(rateLimit, { global: false });
  const attempts = guarded.createRateLimit({ max: ATTEMPTS_A_MINUTE, timeWindow: 60_000 });
  const isExceeded = async (request: FastifyRequest, increment: boolean) => {
    const seen = await attempts(request, { increment });
    return !seen.isAllowed && (increment ? seen.isExceeded : seen.remaining <= 0);
  };
  const isRight = async (request: FastifyRequest, user: string, password: string) => {
    if (await isExceeded(request, false)) throw Object.assign(new Error(TOO_MANY), { statusCode: 429 });
    if (isLogin(login, user, password)) return true;
    await isExceeded(request, true);
    return false;
  };
  await guarded.register(basicAuth, {
    validate: async (user, password, request) => {
      if (!(await isRight(request, user, password)))
        throw Object.assign(new Error('wrong login'), { statusCode: 401 });
    },
    authenticate: { realm: 'Pushfleet' },
  });
  guarded.addHook('onRequest', async (request, reply) => {
    if (isOpen(request) || request.session.get('user') === login.user) return;
    if (request.headers.authorization === undefined && wantsPage(request))
      return reply.redirect(`${base}/login`, 303);
    // A challenge would make the browser ask in a window of its own, in the middle of a page whose session has ended.
    if (request.headers.authorization === undefined && request.headers['sec-fetch-site'] !== undefined)
      throw Object.assign(new Error('no session'), { statusCode: 401 });
    await new Promise<void>((resolve, reject) => {
      guarded.basicAuth(request, reply, (error?: Error) => (error ? reject(error) : resolve()));
    });
  });
  const form = (reply: FastifyReply, fault: string | null) => {
    const csrf = reply.generateCsrf();
    return reply
      .type('text/html; charset=utf-8')
      .send(page({ title: 'Log in', base, user: null, csrf }, loginForm(base, csrf, fault)));
  };
  guarded.get('/login', { config: { open: true } }, (_request, reply) => form(reply, null));
  guarded.post<{ Body: { user?: string; password?: string } }>(
    '/login',
    { config: { open: true }, preHandler: guarded.csrfProtection },
    async (request, reply) => {
      const { user = '', password = '' } = request.body;
      let fault: string;
      try {
        if (await isRight(request, user, password)) {
          request.session.regenerate();
          request.session.set('user', login.user);
          return reply.redirect(`${base}/`, 303);
        }
        fault = 'User or password is wrong.';
        reply.status(401);
      } catch {
        fault = TOO_MANY;
        reply.status(429);
      }
      return form(reply, fault);
    },
  );
  guarded.post('/logout', { preHandler: guarded.csrfProtection }, async (request, reply) => {
    request.session.delete();
    return reply.redirect(`${base}/login`, 303);
  });
}

/** The login page, and its style and script, which hold nothing of the fleet's. */
function isOpen({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config?.open === true || /^\/assets\/(uplot\/)?\*$/.test(routeOptions.url ?? '');
}

function wantsPage({ method, headers }: FastifyRequest): boolean {
  return method === 'GET' && (headers.accept ?? '').includes('text/html');
}
