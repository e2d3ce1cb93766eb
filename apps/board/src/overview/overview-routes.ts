import { fileURLToPath } from 'node:url';
import staticFiles from '@fastify/static';
import type { Log } from '@pushfleet/shared/platform/log';
import { readAppStatus } from '@pushfleet/shared/store/app-status';
import { type Command, commandSchema } from '@pushfleet/shared/store/commands';
import { readLanes } from '@pushfleet/shared/store/fleet-figures';
import { readStatus, type StatusRules } from '@pushfleet/shared/store/status';
import type { Store } from '@pushfleet/shared/store/store';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { askProducer } from '../ask-producer.ts';
import { sayNo } from '../error-page.ts';
import type { Hide } from '../hidden-text.ts';
import { Html, html } from '../html.ts';
import { page } from '../layout.ts';
import { isScript } from '../session-guard.ts';
import { ASKED_ABOUT, cancelQuestion, confirmPart, pauseQuestion, type Question } from './confirm-page.ts';
import { eventRoutes } from './event-routes.ts';
import type { FleetView, FleetWatch } from './fleet-view.ts';
import { overviewParts } from './overview-page.ts';

export interface OverviewOptions {
  /** Base path without a slash at its end. */
  readonly base: string;
  readonly user: string;
  readonly hasLogin: boolean;
  readonly writable: boolean;
  readonly hide: Hide;
  /** Null where the board has no MySQL: the page says what is missing. */
  readonly fleet: {
    readonly watch: FleetWatch;
    readonly store: () => Promise<Store>;
    readonly rules: Omit<StatusRules, 'now'>;
  } | null;
  readonly log: Log;
}

const PUBLIC = fileURLToPath(new URL('../../public/', import.meta.url));
const UPLOT = fileURLToPath(new URL('./', import.meta.resolve('uplot')));

/** The overview, its files, its events, and the wishes of operators. To be registered behind the login. */
export async function overviewRoutes(scope: FastifyInstance, options: OverviewOptions): Promise<void> {
  const { base, fleet, hide, writable, user, hasLogin } = options;
  await scope.register(staticFiles, { root: PUBLIC, prefix: '/assets/', decorateReply: false });
  await scope.register(staticFiles, { root: UPLOT, prefix: '/assets/uplot/', decorateReply: false });
  // The browser's tools show it beside the time that the network took.
  const begun = new WeakMap<FastifyRequest, number>();
  scope.addHook('onRequest', async (request) => {
    begun.set(request, performance.now());
  });
  scope.addHook('onSend', async (request, reply) => {
    const start = begun.get(request);
    if (start !== undefined)
      reply.header('server-timing', `board;dur=${(performance.now() - start).toFixed(1)}`);
  });
  const send = (reply: FastifyReply, body: Html, title = 'Overview') => {
    const { session } = reply.request;
    const notice = session.get('notice');
    if (notice !== undefined) session.set('notice', undefined);
    const csrf = reply.generateCsrf();
    const frame = { title, base, user, hasLogin, csrf, notice };
    return reply.type('text/html; charset=utf-8').send(page(frame, body));
  };
  const parts = async () => {
    const view = await fleet!.watch.read();
    // Value by value: in the finished page, what is hidden would take the rest of the page along.
    const shown = hide(view) as FleetView;
    return { html: overviewParts(shown, { base, writable }).markup, pace: view.pace };
  };
  scope.get('/', async (_request, reply) => {
    if (fleet === null) return send(reply, NOTHING_TO_SEE);
    const { html: markup } = await parts();
    return send(
      reply,
      html`<section aria-labelledby="pace"><div class="head"><h2 id="pace">Pushes per second</h2><button id="hold" type="button" aria-pressed="false" hidden>Hold updates</button></div><div id="chart" data-base="${base}" role="img" aria-label="Answers of APNs per second in the last ten minutes"></div>
<p id="stream" role="status"></p></section>
<div id="live" tabindex="-1">${new Html(markup)}</div>`,
    );
  });
  if (fleet === null) return;

  const { log } = options;
  await eventRoutes(scope, { base, parts, failingSince: () => fleet.watch.failingSince, log });
  scope.get<{ Params: { verb: string }; Querystring: { about?: string } }>(
    '/confirm/:verb',
    async (request, reply) => {
      if (!writable) return sayNo(request, reply, base, 403, READ_ONLY);
      const { verb } = request.params;
      const { about = '' } = request.query;
      const question = await questionOf(await fleet.store(), fleet.rules, verb, about);
      if (question === null)
        return sayNo(request, reply, base, 404, 'There is nothing of that name to decide.');
      return send(reply, confirmPart(base, verb, about, question), question.title);
    },
  );
  scope.post<{ Params: { verb: string }; Body: { about?: string } }>(
    '/actions/:verb',
    {
      preHandler: (request, reply, done) =>
        isScript(request) ? done() : scope.csrfProtection(request, reply, done),
    },
    async (request, reply) => {
      if (!writable) return sayNo(request, reply, base, 403, READ_ONLY);
      const command = commandOf(request.params.verb, request.body?.about ?? '');
      if (command === null) return sayNo(request, reply, base, 400, 'The board knows no such wish.');
      const store = await fleet.store();
      const result = await askProducer(store, command, user);
      fleet.watch.forget();
      request.session.set('notice', result);
      return reply.redirect(`${base}/`, 303);
    },
  );
}

const NOTHING_TO_SEE = html`<p class="none">The board has no MySQL, so there is no overview: set PUSHFLEET_MYSQL_URL and PUSHFLEET_MYSQL_PASSWORD
to the account of deploy/grants/board.sql. The queues can be seen without it.</p>`;

const READ_ONLY = 'This board is read-only (PUSHFLEET_BOARD_WRITABLE).';

async function questionOf(
  store: Store,
  rules: Omit<StatusRules, 'now'>,
  verb: string,
  about: string,
): Promise<Question | null> {
  if (!ASKED_ABOUT.includes(verb) || commandOf(verb, about) === null) return null;
  if (verb === 'cancel') {
    const status = await readStatus(store, about, { ...rules, now: Date.now() });
    return status && cancelQuestion(status);
  }
  const app = (await readAppStatus(store, null)).find((one) => one.app === about);
  return app === undefined ? null : pauseQuestion(app, await readLanes(store, [about]));
}

function commandOf(verb: string, about: string): Command | null {
  const wishes: Readonly<Record<string, unknown>> = {
    pause: { verb, app: about },
    resume: { verb, app: about },
    cancel: { verb, notificationId: about },
    resumeNotification: { verb, notificationId: about },
    restoreDevices: { verb, tokenIds: [about] },
  };
  const command = commandSchema.safeParse(Object.hasOwn(wishes, verb) ? wishes[verb] : null);
  return about !== '' && command.success ? command.data : null;
}
