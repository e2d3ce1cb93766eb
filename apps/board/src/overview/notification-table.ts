import type { NotificationStatus, OutcomeCounts } from '@pushfleet/shared/store/status';
import { type Html, html } from '../html.ts';
import { amount, askLink, moment, notificationLink, type PieceFrame, table } from '../page-pieces.ts';
import { firstAcceptedMs, spanText } from './latency.ts';

const OUTCOMES: readonly (readonly [keyof OutcomeCounts, string])[] = [
  ['accepted', 'accepted'],
  ['rejected', 'rejected'],
  ['retired', 'retired'],
  ['expired', 'expired'],
  ['cancelled', 'cancelled'],
  ['failed', 'failed'],
  ['pending', 'pending'],
];
const TROUBLE: readonly string[] = ['rejected', 'retired', 'failed', 'expired'];

/** Notifications with a bar, what became of their recipients, and the way to stop those under way. */
export function notificationTable(
  name: string,
  list: readonly NotificationStatus[],
  frame: PieceFrame,
  none: string,
): Html {
  return table(
    name,
    ['notification', 'app', 'state', 'settled', 'outcomes', 'due', 'first accepted', 'reasons', ''],
    list.map((one) => [
      notificationLink(frame, one.notificationId),
      one.app,
      html`<span class="state ${one.state}">${one.state}</span>`,
      progress(one),
      outcomes(one),
      moment(one.dueAt),
      latency(one),
      reasons(one),
      one.pending > 0 || one.state === 'planning' ? stop(one, frame) : '',
    ]),
    none,
  );
}

function stop({ state, notificationId }: NotificationStatus, frame: PieceFrame): Html | string {
  const isOpen = ['planning', 'sending', 'held'].includes(state);
  return isOpen ? askLink(frame, 'cancel', notificationId, 'Cancel') : '';
}

function progress({ notificationId, recipients, pending, state }: NotificationStatus): Html | string {
  if (state === 'scheduled') return '–';
  const settled = recipients - pending;
  const share = recipients === 0 ? 0 : Math.floor((100 * settled) / recipients);
  return html`<progress max="${Math.max(1, recipients)}" value="${settled}" aria-label="settled of notification ${notificationId}"></progress>
<span class="share">${recipients === 0 ? '' : `${share} % of ${amount(recipients)}`}</span>`;
}

function outcomes(counts: OutcomeCounts): Html {
  return html`${OUTCOMES.filter(([key]) => counts[key] > 0).map(
    ([key, label]) =>
      html`<span class="outcome${TROUBLE.includes(key) && ' trouble'}">${amount(counts[key])} ${label}</span> `,
  )}`;
}

function latency(one: NotificationStatus): string {
  const ms = firstAcceptedMs(one);
  return ms === null ? '–' : `after ${spanText(ms)}`;
}

function reasons({ reasons: found, error }: NotificationStatus): Html {
  const told = Object.entries(found).map(([reason, count]) => `${reason} ${amount(count)}`);
  return html`<span class="words">${told.join(', ') || error}</span>`;
}
