import { createBullBoard } from '@bull-board/api';
import type { IServerAdapter } from '@bull-board/api/typings/app';
import { FastifyAdapter } from '@bull-board/fastify';
import helmet from '@fastify/helmet';
import type { Log } from '@pushfleet/shared/platform/log';
import { isMysqlAway } from '@pushfleet/shared/store/mysql-away';
import { type FastifyError, type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import type { BatchQueueAdapter } from './batch-queue-adapter.ts';
import { deviceRoutes } from './device/device-routes.ts';
import { sayNo } from './error-page.ts';
import { createHide } from './hidden-text.ts';
import type { Login } from './login.ts';
import { notificationRoutes } from './notification/notification-routes.ts';
import { type OverviewOptions, overviewRoutes } from './overview/overview-routes.ts';
import { ownPage } from './own-page.ts';
import { PAGE_HEADERS } from './page-headers.ts';
import { recordRetry } from './retry-record.ts';
import { guardRequests, userOf } from './session-guard.ts';
import { isReading, whyForbidden } from './write-rules.ts';

export interface BoardServerOptions {
  readonly queues: readonly BatchQueueAdapter[];
  readonly login: Login;
  /** What the browser sees in front of `/queues`; a proxy may pass it on or cut it off. */
  readonly basePath: string;
  /** As it is set: it stands in the names of cookies. */
  readonly port: number;
  /** Addresses and networks. */
  readonly trustedProxies: readonly string[];
  readonly writable: boolean;
  readonly showPayload: boolean;
  /** Null where the board has no MySQL. */
  readonly fleet: OverviewOptions['fleet'];
  readonly log: Log;
}

/** A request that has not come whole by then ends; answers may take longer. */
const REQUEST_WITHIN_MS = 30_000;

/** The overview at `<base path>/` and Bull Board at `<base path>/queues` behind the login; `/health/live` without one. */
export async function createBoardServer(options: BoardServerOptions): Promise<FastifyInstance> {
  const base = options.basePath.replace(/\/+$/, '');
  const server = fastify({
    logger: false,
    forceCloseConnections: true,
    requestTimeout: REQUEST_WITHIN_MS,
    trustProxy: [...options.trustedProxies],
    // What is longer than Node takes does not get here: an id that is too long is one that nobody knows.
    routerOptions: { maxParamLength: 20_000 },
    rewriteUrl: ({ url = '/' }) => withoutBase(readable(url), base),
  });
  await server.register(helmet, PAGE_HEADERS);
  server.addHook('onSend', async (_request, reply) => {
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
  });
  server.setErrorHandler<FastifyError>((error, request, reply) => {
    const { status, message } = told(error, options.log);
    return sayNo(request, reply, base, status, message);
  });

  server.get('/health/live', () => ({ status: 'ok' }));
  await server.register(async (guarded) => {
    await guardRequests(guarded, { ...options, base });
    await overviewRoutes(guarded, {
      base,
      user: userOf(options.login),
      hasLogin: options.login !== null,
      writable: options.writable,
      hide: createHide(options),
      fleet: options.fleet,
      log: options.log,
    });
    if (options.fleet !== null) {
      const pages = {
        base,
        user: userOf(options.login),
        hasLogin: options.login !== null,
        writable: options.writable,
        showPayload: options.showPayload,
        hide: createHide(options),
        fleet: options.fleet,
      };
      await notificationRoutes(guarded, pages);
      await deviceRoutes(guarded, pages);
    }
    // Bull Board sets an error handler and a view engine, so it has a scope to itself.
    await guarded.register(
      async (scope) => {
        scope.addHook('onSend', async (_request, reply, body) =>
          isPage(reply, body) ? ownPage(body, base) : body,
        );
        await scope.register(bullBoard(options, base));
      },
      { prefix: '/queues' },
    );
    // Here and not outside: what does not exist asks for the login too.
    guarded.setNotFoundHandler((request, reply) =>
      sayNo(request, reply, base, 404, 'There is nothing here.'),
    );
  });
  return server;
}

function bullBoard(options: BoardServerOptions, base: string) {
  const { writable, fleet, login, log } = options;
  const hide = createHide(options);
  const adapter = new FastifyAdapter().setBasePath(`${base}/queues`);
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
        miscLinks: [{ text: 'Overview', url: `${base}/` }],
      },
      handlerHooks: {
        before: async ({ method, route, request }) => {
          const message = whyForbidden(method, route, writable);
          if (message !== null) return { allow: false, status: 405, message };
          if (!isReading(method)) await recordRetry({ fleet, user: userOf(login), log }, request.params);
          return { allow: true };
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
function told(
  error: Error & { statusCode?: number; code?: string },
  log: Log,
): { status: number; message: string } {
  // Bull Board decodes names twice.
  const status = error instanceof URIError ? 400 : (error.statusCode ?? 500);
  if (status === 401) return { status, message: 'The board asks for a user and a password.' };
  if (status === 429) return { status, message: 'Too many attempts to log in; wait a minute.' };
  if (status === 403 && error.code?.startsWith('FST_CSRF_'))
    return {
      status,
      message: 'The form does not belong to your session: go back, load the page again, and repeat it.',
    };
  // Of the files: what stands outside of theirs is not there.
  if (status === 403) return { status: 404, message: 'There is nothing here.' };
  if (status < 500) return { status, message: 'The request does not fit.' };
  log.warn({ event: 'board.failed', err: error }, 'a page of the board could not be made');
  if (isMysqlAway(error)) {
    return {
      status: 503,
      message:
        'MySQL does not answer, so the board cannot show this page. Sending goes on with what is queued. Look at the MySQL server and at PUSHFLEET_MYSQL_URL of the board, then load this page again; pushfleet doctor tells more.',
    };
  }
  return {
    status: 500,
    message: 'The board could not answer; is Redis reachable? Is MySQL? Its log says more.',
  };
}

/** An address that cannot be decoded goes where no page is: the server's own answer would repeat it, without our headers. */
function readable(url: string): string {
  try {
    decodeURIComponent(url.split('?', 1)[0]!);
    return url;
  } catch {
    return '/-';
  }
}

function withoutBase(url: string, base: string): string {
  if (base === '' || !(url === base || url.startsWith(`${base}/`) || url.startsWith(`${base}?`))) return url;
  const rest = url.slice(base.length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}
