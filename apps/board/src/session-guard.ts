import { randomBytes, scryptSync } from 'node:crypto';
import basicAuth from '@fastify/basic-auth';
import csrfProtection from '@fastify/csrf-protection';
import secureSession from '@fastify/secure-session';
import type { Log } from '@pushfleet/shared/platform/log';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sayNo, wantsPage } from './error-page.ts';
import { type Login, namesThisMachine } from './login.ts';
import { countAttempts } from './login-attempts.ts';
import { type LoginRoutesOptions, loginRoutes } from './login-routes.ts';
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

const NO_LOGIN =
  'Without a login the board answers to localhost only. Set PUSHFLEET_BOARD_USER and PUSHFLEET_BOARD_PASSWORD.';

export interface GuardOptions {
  readonly login: Login;
  /** Base path without a slash at its end. */
  readonly base: string;
  /** As it is set. Browsers send cookies of one host to all its ports, so it stands in their names. */
  readonly port: number;
  readonly log: Log;
}

/**
 * Login first, then where a change comes from: for pages, files and API alike. People get a session by the login
 * page, scripts use Basic authentication; both share the attempts of an address.
 */
export async function guardRequests(guarded: FastifyInstance, options: GuardOptions): Promise<void> {
  const { login, base } = options;
  const cookie = {
    path: base === '' ? '/' : base,
    httpOnly: true,
    sameSite: 'lax',
    secure: 'auto',
  } as const;
  await guarded.register(secureSession, {
    cookieName: cookieOf(options),
    key: sessionKey(login),
    expiry: IDLE_SECONDS,
    cookie,
  });
  guarded.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: 65_536 },
    async (_request: FastifyRequest, body: string) => Object.fromEntries(new URLSearchParams(body)),
  );
  if (login === null) guarded.addHook('onRequest', refuseOtherNames);
  else await askForLogin(guarded, login, options, cookie);
  guarded.addHook('onRequest', async (request, reply) => {
    const why = whyForeign(request.method, request.headers, request.host);
    if (why !== null) return sayNo(request, reply, base, 403, why);
  });
  await guarded.register(csrfProtection, { sessionPlugin: '@fastify/secure-session' });
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

/**
 * Of the password, so that sessions outlive a restart and another password ends them. Whoever has such a cookie can
 * try passwords on it, slowly and unseen, so nobody gets one before the login.
 */
function sessionKey(login: Login): Buffer {
  return login === null ? randomBytes(32) : scryptSync(login.password, `pushfleet-board ${login.user}`, 32);
}

async function refuseOtherNames(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  const { host, forwarded, 'x-forwarded-for': passedOn = forwarded } = request.headers;
  // A proxy on this machine may name it too, for whoever comes from elsewhere.
  if (namesThisMachine(host) && passedOn === undefined) return undefined;
  return reply.status(403).send({ error: NO_LOGIN });
}

async function askForLogin(
  guarded: FastifyInstance,
  login: NonNullable<Login>,
  options: GuardOptions,
  cookie: LoginRoutesOptions['cookie'],
): Promise<void> {
  const { base, log } = options;
  const cookieName = cookieOf(options);
  const sessions = new Sessions(login.user);
  const isRight = await countAttempts(guarded, login, log);
  await guarded.register(basicAuth, {
    validate: async (user, password, request) => {
      if (!(await isRight(request, user, password)))
        throw Object.assign(new Error('wrong login'), { statusCode: 401 });
    },
    authenticate: { realm: 'Pushfleet' },
  });
  guarded.addHook('onRequest', async (request, reply) => {
    if (isOpen(request) || sessions.has(request)) return;
    if (wantsPage(request)) return reply.redirect(`${base}/login${query(request, cookieName)}`, 303);
    // A challenge would make the browser ask in a window of its own, in the middle of a page whose session has ended.
    if (request.headers.authorization === undefined && request.headers['sec-fetch-site'] !== undefined)
      throw Object.assign(new Error('no session'), { statusCode: 401 });
    await new Promise<void>((resolve, reject) => {
      guarded.basicAuth(request, reply, (error?: Error) => (error ? reject(error) : resolve()));
    });
  });
  // A scope of its own: the token of its form has another cookie than those of the session.
  await guarded.register((scope) =>
    loginRoutes(scope, { base, sessions, isRight, log, cookie, cookieName: `${cookieName}_form` }),
  );
  guarded.post(
    '/logout',
    // Named when it is asked: the plugin comes after the login page, which has another of its own.
    { preHandler: (request, reply, done) => guarded.csrfProtection(request, reply, done) },
    async (request, reply) => {
      sessions.leave(request);
      return reply.redirect(`${base}/login?left=1`, 303);
    },
  );
  // Asked by a page whose events have stopped: has the session ended, or is the board away?
  guarded.get('/session', () => ({ user: login.user }));
}

function cookieOf({ port }: GuardOptions): string {
  return `pushfleet_board_${port}`;
}

/** Tells the login page where one was going, and whether there was a session: its cookie says nothing any more. */
function query({ method, url, cookies }: FastifyRequest, cookieName: string): string {
  const next = method === 'GET' ? ownPath(url) : '/';
  const all = new URLSearchParams({
    ...(next !== '/' && { next }),
    ...(cookies[cookieName] && { ended: '1' }),
  });
  return all.size === 0 ? '' : `?${all}`;
}

/** The login page, and its style and script, which hold nothing of the fleet's. */
function isOpen({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config?.open === true || /^\/assets\/(uplot\/)?\*$/.test(routeOptions.url ?? '');
}
