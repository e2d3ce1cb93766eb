import { lookUpDevice } from '@pushfleet/shared/store/device-look-up';
import { readAudiencesWith } from '@pushfleet/shared/store/notification-detail';
import { type NotificationStatus, readWaitingStatus } from '@pushfleet/shared/store/status';
import type { Store } from '@pushfleet/shared/store/store';
import type { FastifyInstance } from 'fastify';
import { html } from '../html.ts';
import type { PageOptions } from '../notification/notification-routes.ts';
import { answerPage } from '../page-answer.ts';
import { isScript } from '../session-guard.ts';
import { deviceForm, devicePart, type FoundDevice } from './device-page.ts';

const DAY_MS = 86_400_000;
const SINCE_DAYS = 7;
const SCHEDULED_LOOKED_AT = 100;

/** Look-up of one device. Only by POST, and the answer is the page: nothing leads to an address with a device token. */
export async function deviceRoutes(scope: FastifyInstance, options: PageOptions): Promise<void> {
  const { base, fleet, hide, writable } = options;
  scope.get('/device', (_request, reply) =>
    answerPage(reply, options, 'Device', (csrf) => deviceForm(base, csrf, null)),
  );
  scope.post<{ Body: { device?: unknown } }>(
    '/device',
    {
      preHandler: (request, reply, done) =>
        isScript(request) ? done() : scope.csrfProtection(request, reply, done),
    },
    async (request, reply) => {
      const given = request.body?.device;
      const value = typeof given === 'string' ? given.slice(0, 1_000) : '';
      const store = await fleet.store();
      const found = await lookUpDevice(store, value, SINCE_DAYS * DAY_MS);
      if (!found.ok) {
        reply.status(found.isUsage ? 400 : 404);
        return answerPage(reply, options, 'Device', (csrf) =>
          deviceForm(base, csrf, `${capital(found.why)}.`),
        );
      }
      const tokenIds = found.device.rows.map(({ tokenId }) => tokenId);
      const scheduled = await scheduledWith(store, tokenIds, { ...fleet.rules, now: Date.now() });
      const shown = hide({ device: found.device, scheduled }) as FoundDevice;
      return answerPage(
        reply,
        options,
        'Device',
        (csrf) => html`${devicePart(shown, { base, writable }, SINCE_DAYS)}${deviceForm(base, csrf, null)}`,
      );
    },
  );
}

async function scheduledWith(
  store: Store,
  tokenIds: readonly string[],
  rules: Parameters<typeof readWaitingStatus>[2],
): Promise<NotificationStatus[]> {
  const { waiting } = await readWaitingStatus(store, SCHEDULED_LOOKED_AT, rules);
  const ids = waiting.map(({ notificationId }) => notificationId);
  const withIt = await readAudiencesWith(store, ids, tokenIds);
  return waiting.filter(({ notificationId }) => withIt.has(notificationId));
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
