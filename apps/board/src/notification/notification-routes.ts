import { readStatus } from '@pushfleet/shared/store/status';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { askProducer } from '../ask-producer.ts';
import { sayNo } from '../error-page.ts';
import type { Hide } from '../hidden-text.ts';
import type { OverviewOptions } from '../overview/overview-routes.ts';
import { type AnswerFrame, answerPage } from '../page-answer.ts';
import { isScript } from '../session-guard.ts';
import { notificationPage } from './notification-page.ts';
import { type NotificationView, readNotification } from './notification-view.ts';
import {
  commandFor,
  notificationPath,
  questionFor,
  type Wish,
  wishesFor,
  wishForm,
} from './notification-wishes.ts';

export interface PageOptions extends AnswerFrame {
  readonly writable: boolean;
  readonly showPayload: boolean;
  readonly hide: Hide;
  readonly fleet: NonNullable<OverviewOptions['fleet']>;
}

interface Route {
  readonly Params: { id: string; wish: string };
  readonly Querystring: { from?: string };
}
type Asked = FastifyRequest<Route>;

const WISHES: readonly string[] = ['cancel', 'release', 'retry'] satisfies readonly Wish[];
const UNKNOWN = 'There is no notification with this id; its row may be gone, or retention has removed it.';
const READ_ONLY = 'This board is read-only (PUSHFLEET_BOARD_WRITABLE).';
const NOT_NOW = 'The notification is not in a state in which this can be asked for: look at its page again.';

/** The page of a notification, and what can be asked for about it. To be registered behind the login. */
export async function notificationRoutes(scope: FastifyInstance, options: PageOptions): Promise<void> {
  const { base, fleet, hide, showPayload, writable, user } = options;
  const no = (request: FastifyRequest, reply: FastifyReply, status: number, message: string) =>
    sayNo(request, reply, base, status, message);

  scope.get<Route>('/notifications/:id', async (request: Asked, reply) => {
    const { from = '0' } = request.query;
    const at = /^\d{1,9}$/.test(String(from)) ? Number(from) : 0;
    const rules = { ...fleet.rules, now: Date.now() };
    const view = await readNotification(await fleet.store(), request.params.id, rules, at);
    if (view === null) return no(request, reply, 404, UNKNOWN);
    // Value by value: in the finished page, what is hidden would take the rest of the page along.
    const shown = hide(view) as NotificationView;
    return answerPage(reply, options, `Notification ${shown.status.notificationId}`, () =>
      notificationPage(shown, { base, writable }, showPayload),
    );
  });

  const asked = async (request: Asked) => {
    const { id, wish } = request.params;
    const store = await fleet.store();
    const status = await readStatus(store, id, { ...fleet.rules, now: Date.now() });
    return { store, status, wish: wish as Wish };
  };
  scope.get<Route>('/notifications/:id/:wish', async (request: Asked, reply) => {
    if (!WISHES.includes(request.params.wish)) return no(request, reply, 404, 'There is nothing here.');
    if (!writable) return no(request, reply, 403, READ_ONLY);
    const { status, wish } = await asked(request);
    if (status === null) return no(request, reply, 404, UNKNOWN);
    if (!wishesFor(status).includes(wish)) return no(request, reply, 409, NOT_NOW);
    return answerPage(reply, options, questionFor(wish, status).title, () => wishForm(base, wish, status));
  });
  scope.post<Route>(
    '/notifications/:id/:wish',
    {
      preHandler: (request, reply, done) =>
        isScript(request) ? done() : scope.csrfProtection(request, reply, done),
    },
    async (request: Asked, reply) => {
      if (!WISHES.includes(request.params.wish)) return no(request, reply, 404, 'There is nothing here.');
      if (!writable) return no(request, reply, 403, READ_ONLY);
      const { store, status, wish } = await asked(request);
      if (status === null) return no(request, reply, 404, UNKNOWN);
      if (!wishesFor(status).includes(wish)) return no(request, reply, 409, NOT_NOW);
      const { notificationId } = status;
      const result = await askProducer(store, commandFor(wish, notificationId), user);
      fleet.watch.forget();
      request.session.set('notice', result);
      return reply.redirect(notificationPath(base, notificationId), 303);
    },
  );
}
