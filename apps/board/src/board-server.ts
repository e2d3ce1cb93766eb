import { createBullBoard } from '@bull-board/api';
import type { IServerAdapter } from '@bull-board/api/typings/app';
import { FastifyAdapter } from '@bull-board/fastify';
import basicAuth from '@fastify/basic-auth';
import type { Log } from '@pushfleet/shared/platform/log';
import { type FastifyError, type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import type { BatchQueueAdapter } from './batch-queue-adapter.ts';
import { createHide } from './hidden-text.ts';
import { isLogin, type Login, namesThisMachine } from './login.ts';
import { ownPage } from './own-page.ts';
import { RESPONSE_HEADERS } from './response-headers.ts';
import { whyForeign } from './same-origin.ts';
import { whyForbidden } from './write-rules.ts';

export interface BoardServerOptions {
  readonly queues: readonly BatchQueueAdapter[];
  readonly login: Login;
  /** What the browser sees in front of `/queues`; a proxy may pass it on or cut it off. */
  readonly basePath: string;
  readonly writable: boolean;
  readonly showPayload: boolean;
  readonly log: Log;
}

/** Bull Board at `<base path>/queues` behind the login; `/health/live` without one. */
export async function createBoardServer(options: BoardServerOptions): Promise<FastifyInstance> {
  const base = options.basePath.replace(/\/+$/, '');
  const server = fastify({
    logger: false,
    forceCloseConnections: true,
    rewriteUrl: ({ url = '/' }) => withoutBase(url, base),
  });
  server.addHook('onSend', async (_request, reply) => {
    reply.headers(RESPONSE_HEADERS);
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
  });
  server.setErrorHandler<FastifyError>((error, _request, reply) => {
    const { status, message } = told(error, options.log);
    return reply.status(status).send({ error: message });
  });

  server.get('/health/live', () => ({ status: 'ok' }));
  await server.register(async (guarded) => {
    await guardRequests(guarded, options);
    guarded.get('/', (_request, reply) => reply.redirect(`${base}/queues/`));
    // Bull Board sets an error handler and a view engine, so it has a scope to itself.
    await guarded.register(
      async (scope) => {
        scope.addHook('onSend', async (_request, reply, body) =>
          isPage(reply, body) ? ownPage(body) : body,
        );
        await scope.register(bullBoard(options, `${base}/queues`));
      },
      { prefix: '/queues' },
    );
    // Here and not outside: what does not exist asks for the login too.
    guarded.setNotFoundHandler((_request, reply) =>
      reply.status(404).send({ error: 'There is nothing here.' }),
    );
  });
  return server;
}

/** Login first, then where a change comes from: for pages, files and API alike. */
async function guardRequests(guarded: FastifyInstance, { login }: BoardServerOptions): Promise<void> {
  if (login === null) {
    guarded.addHook('onRequest', async (request, reply) => {
      if (namesThisMachine(request.headers.host)) return;
      return reply.status(403).send({
        error:
          'Without a login the board answers to localhost only. Set PUSHFLEET_BOARD_USER and PUSHFLEET_BOARD_PASSWORD.',
      });
    });
  } else {
    await guarded.register(basicAuth, {
      validate: async (user, password) => {
        if (!isLogin(login, user, password))
          throw Object.assign(new Error('wrong login'), { statusCode: 401 });
      },
      authenticate: { realm: 'Pushfleet' },
    });
    guarded.addHook('onRequest', guarded.basicAuth);
  }
  guarded.addHook('onRequest', async (request, reply) => {
    const why = whyForeign(request.method, request.headers);
    if (why !== null) return reply.status(403).send({ error: why });
  });
}

function bullBoard(options: BoardServerOptions, browserPath: string) {
  const { writable, log } = options;
  const hide = createHide(options);
  const adapter = new FastifyAdapter().setBasePath(browserPath);
  createBullBoard({
    queues: options.queues,
    // The adapter's types may come from another patch release of the API: npm then holds two of them.
    serverAdapter: adapter as unknown as IServerAdapter,
    options: {
      uiConfig: {
        boardTitle: 'Pushfleet',
        hideDocsLink: true,
        hideRedisDetails: true,
        showWorkers: false,
        showMetrics: false,
        sortQueues: false,
        jobDetails: { defaultTab: 'Data' },
        miscLinks: [],
      },
      handlerHooks: {
        before: ({ method, route }) => {
          const message = whyForbidden(method, route, writable);
          return message === null ? { allow: true } : { allow: false, status: 405, message };
        },
        after: (_context, result) => ({ ...result, body: hide(result.body) as typeof result.body }),
      },
    },
  });
  // In place of Bull Board's own, which tells the browser whatever was thrown.
  adapter.setErrorHandler((error) => {
    const { status, message } = told(error, log);
    return {
      status: status as 500,
      body: { error: { key: status < 500 ? 'ERRORS.FORBIDDEN' : 'ERRORS.INTERNAL_SERVER_ERROR' }, message },
    };
  });
  return adapter.registerPlugin();
}

function isPage(reply: FastifyReply, body: unknown): body is string {
  return typeof body === 'string' && String(reply.getHeader('content-type')).startsWith('text/html');
}

/** Fixed sentences: an error may hold an address, a command or a job. The log has its message. */
function told(error: Error & { statusCode?: number }, log: Log): { status: number; message: string } {
  const status = error.statusCode ?? 500;
  if (status === 401) return { status, message: 'The board asks for a user and a password.' };
  if (status < 500) return { status, message: 'The request does not fit.' };
  log.warn({ event: 'board.failed', err: error }, 'a page of the board could not be made');
  return { status: 500, message: 'The board could not answer; is Redis reachable? Its log says more.' };
}

function withoutBase(url: string, base: string): string {
  if (base === '' || !(url === base || url.startsWith(`${base}/`) || url.startsWith(`${base}?`))) return url;
  const rest = url.slice(base.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}
