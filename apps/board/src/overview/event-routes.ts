import { fastifySSE } from '@fastify/sse';
import type { Log } from '@pushfleet/shared/platform/log';
import { isMysqlAway } from '@pushfleet/shared/store/mysql-away';
import type { FastifyInstance } from 'fastify';
import { sayNo } from '../error-page.ts';
import type { FleetView } from './fleet-view.ts';

/** What a tab is told: the pieces of its page, or in a sentence why there are no newer ones. */
type News = { readonly html: string; readonly pace: FleetView['pace'] } | { readonly trouble: string };

export interface EventOptions {
  /** @throws what the look throws */
  readonly parts: () => Promise<News>;
  /** Milliseconds since 1970; null while looking does not fail. */
  readonly failingSince: () => number | null;
  /** Base path without a slash at its end. */
  readonly base: string;
  readonly log: Log;
}

const EVENTS_EVERY_MS = 2_000;
/** Then the browser asks anew: with a session that has ended it is told so. */
const STREAM_ENDS_AFTER_MS = 60_000;
/** What is on its way then may take so long; who never reads would keep the socket. */
const LAST_BYTES_WITHIN_MS = 5_000;
const MOST_TABS = 200;

/** The stream that renews the overview in all tabs. */
export async function eventRoutes(scope: FastifyInstance, options: EventOptions): Promise<void> {
  await scope.register(fastifySSE);
  const listeners = new Set<(news: News) => void>();
  let isTold = false;
  const news = async (): Promise<News> => {
    try {
      const parts = await options.parts();
      isTold = false;
      return parts;
    } catch (error) {
      // One line for all the time that it lasts.
      if (!isTold)
        options.log.warn({ event: 'board.failed', err: error }, 'the overview could not be renewed');
      isTold = true;
      return { trouble: trouble(error, options.failingSince() ?? Date.now()) };
    }
  };
  const timer = setInterval(async () => {
    if (listeners.size === 0) return;
    const told = await news();
    for (const tell of listeners) tell(told);
  }, EVENTS_EVERY_MS);
  scope.addHook('onClose', async () => clearInterval(timer));
  scope.get('/events', { sse: 'only' }, async (request, reply) => {
    if (listeners.size >= MOST_TABS) return sayNo(request, reply, options.base, 429, TOO_MANY_TABS);
    const tell = (told: News) => {
      // Who does not read fast enough gets the next one.
      if (!reply.raw.writableNeedDrain) void reply.sse.send({ data: told }).catch(() => {});
    };
    reply.sse.keepAlive();
    const end = setTimeout(() => {
      reply.sse.close();
      setTimeout(() => reply.raw.destroy(), LAST_BYTES_WITHIN_MS).unref();
    }, STREAM_ENDS_AFTER_MS);
    reply.sse.onClose(() => {
      clearTimeout(end);
      listeners.delete(tell);
    });
    // Before the first look, which may take its time to fail.
    reply.sse.sendHeaders();
    listeners.add(tell);
    tell(await news());
  });
}

const TOO_MANY_TABS = 'So many tabs have the overview open that this one is not renewed.';

function trouble(error: unknown, since: number): string {
  const why = isMysqlAway(error) ? 'MySQL does not answer' : 'the board’s log says why';
  const at = new Date(since).toISOString().slice(11, 19);
  return `The board cannot look since ${at} UTC: ${why}. What stands here is older. Trying again …`;
}
