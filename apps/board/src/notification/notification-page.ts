import { REASON_MEANINGS } from '@pushfleet/shared/domain/reason-meanings';
import { HIDDEN as HIDDEN_TEXT } from '../hidden-text.ts';
import { type Html, html } from '../html.ts';
import { firstAcceptedMs, spanText } from '../overview/latency.ts';
import { amount, moment, type PieceFrame, table } from '../page-pieces.ts';
import { lockScreens, seenPush } from './lock-screen.ts';
import { BATCHES_A_PAGE, GROUPS_SHOWN, MEMBERS_COUNTED, type NotificationView } from './notification-view.ts';
import { notificationPath, wishLinks } from './notification-wishes.ts';

/** The page of one notification. @param showPayload false: neither preview nor payload */
export function notificationPage(view: NotificationView, frame: PieceFrame, showPayload: boolean): Html {
  const { status, explanation, log } = view;
  return html`${section('state', 'State', html`${state(view)}${wishLinks(frame, status)}`)}
${section('audience', 'Audience', audience(view))}
${section('lock-screen', 'On the lock screen', showPayload ? lockScreens(seenPush(explanation.request?.payload), status.app, status.dueAt) : HIDDEN)}
${section('request', 'Request to APNs', request(view, showPayload))}
${section('reasons', 'Outcomes by reason', reasons(view))}
${section('batches', 'Batches', batches(view, frame))}
${section(
  'log',
  'Operators’ commands',
  table(
    'Operators’ commands',
    ['when', 'who', 'what', 'result'],
    log.map(({ at, by, verb, succeeded, result }) => [
      moment(at),
      by,
      verb,
      html`<span class="words${succeeded === false && ' trouble'}">${succeeded === null ? 'not carried out yet' : result}</span>`,
    ]),
    'Nobody has asked for anything about this notification.',
  ),
)}`;
}

const HIDDEN = html`<p class="none">Hidden on this board (PUSHFLEET_BOARD_SHOW_PAYLOAD).</p>`;

const SOME_HIDDEN = html`<p class="none">${HIDDEN_TEXT} stands for 64 or more hex digits, which may be a device token: the board shows none. They are sent as they are.</p>`;

function section(id: string, title: string, body: Html): Html {
  return html`<section id="section-${id}" aria-labelledby="${id}"><h2 id="${id}">${title}</h2>${body}</section>`;
}

type Pair = readonly [string, string | number | Html | null];

function pairs(list: readonly Pair[]): Html {
  return html`<dl class="pairs">${list.filter(([, value]) => value !== null).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function state({ status, detail }: NotificationView): Html {
  const { recipients, pending, dueAt, firstAcceptedAt, finishedAt, error, resentWithoutAnswer } = status;
  const settled = recipients - pending;
  const share = recipients === 0 ? 0 : Math.floor((100 * settled) / recipients);
  const latency = firstAcceptedMs(status);
  const counts = (['accepted', 'rejected', 'retired', 'expired', 'cancelled', 'failed', 'pending'] as const)
    .filter((key) => status[key] > 0)
    .map((key) => `${amount(status[key])} ${key}`);
  return html`<p><b class="state ${status.state}">${status.state}</b>${error !== null && html` <span class="words">${error}</span>`}</p>
${recipients > 0 && html`<progress class="wide" max="${recipients}" value="${settled}" aria-label="settled of notification ${status.notificationId}"></progress><p class="share">${share} % of ${amount(recipients)}: ${counts.join(', ')}</p>`}
${pairs([
  ['App', status.app],
  ['Due', moment(dueAt)],
  ['Claimed', moment(detail?.claimedAt ?? null)],
  ['Audience planned', moment(detail?.plannedAt ?? null)],
  ['First accepted', moment(firstAcceptedAt)],
  ['Due to first accepted', latency === null ? '–' : spanText(latency)],
  ['Done', moment(finishedAt)],
  ['Deadline', moment(detail?.deadline ?? null)],
  ['Held by the brake', detail?.heldAt ? moment(detail.heldAt) : null],
  ['Released', detail?.releasedAt ? html`${moment(detail.releasedAt)} by ${detail.releasedBy}` : null],
  ['Lane', detail?.lane ?? null],
  ['Round', detail !== null && detail.round > 1 ? detail.round : null],
  [
    'Sent again without an answer',
    resentWithoutAnswer > 0 ? `${amount(resentWithoutAnswer)}: so many devices may have got it twice` : null,
  ],
])}`;
}

function audience({ explanation, groupIds, memberships }: NotificationView): Html {
  const { direct, groups, inactive, duplicates, malformed, otherApp, recipients } = explanation.audience;
  const known = (count: number | null) => (count === null ? 'known once it is planned' : amount(count));
  const names = groupIds.slice(0, GROUPS_SHOWN).join(', ');
  return pairs([
    ['Recipients', known(recipients)],
    ['Device tokens named directly', amount(direct)],
    ['Groups', amount(groups)],
    [
      'Ids of the groups',
      names === '' ? null : groupIds.length > GROUPS_SHOWN ? `${names}, and more` : names,
    ],
    [
      'Memberships of groups now',
      memberships === null
        ? null
        : memberships < MEMBERS_COUNTED
          ? amount(memberships)
          : `${amount(memberships)} or more`,
    ],
    ['Inactive, left out', known(inactive)],
    ['Twins (the same device token), left out', known(duplicates)],
    ['Malformed, left out', known(malformed)],
    ['Of another app, left out', known(otherApp)],
  ]);
}

function request({ explanation: { request: asked }, detail }: NotificationView, showPayload: boolean): Html {
  if (asked === null) return html`<p class="none">No request: nothing is known that could be sent.</p>`;
  return html`<h3>Headers</h3>
${pairs([
  ...Object.entries(asked.headers).map(([name, value]): Pair => [name, header(name, value, showPayload)]),
  [
    'apns-id',
    'Of each recipient its own, a UUID made of the dispatch and the id of the token’s row: the same at each repeat.',
  ],
])}
${detail === null && html`<p class="none">Not claimed yet: as it would be built now, with badge 1 and sound default unless the row says otherwise.</p>`}
<h3>Payload${showPayload && html`, ${amount(asked.payloadBytes)} bytes`}</h3>
${
  showPayload
    ? html`${JSON.stringify(asked.payload).includes(HIDDEN_TEXT) && SOME_HIDDEN}<pre class="payload" tabindex="0" role="region" aria-label="Payload as sent">${JSON.stringify(asked.payload)}</pre>
<details><summary>With line breaks</summary><pre class="payload" tabindex="0" role="region" aria-label="Payload with line breaks">${JSON.stringify(asked.payload, null, 2)}</pre></details>`
    : HIDDEN
}`;
}

function header(name: string, value: string, showPayload: boolean): Html {
  // A backend may write a name or a number of somebody's into it.
  if (name === 'apns-collapse-id' && !showPayload) return html`hidden, as the payload is`;
  if (name !== 'apns-expiration') return html`<code>${value}</code>`;
  const until = value === '0' ? 'tried once, not stored' : instantOf(Number(value));
  return html`<code>${value}</code> <small>${until}</small>`;
}

function instantOf(seconds: number): string {
  const date = new Date(seconds * 1_000);
  return Number.isNaN(date.getTime()) ? '' : `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

function reasons({ status }: NotificationView): Html {
  return table(
    'Outcomes by reason',
    ['reason', 'recipients', 'meaning'],
    Object.entries(status.reasons).map(([reason, count]) => [
      reason,
      amount(count),
      html`<span class="words">${REASON_MEANINGS.get(reason) ?? 'Not one of Apple’s reasons: told by Pushfleet.'}</span>`,
    ]),
    'APNs has refused nobody.',
  );
}

function batches({ detail, batches: lines, from, status }: NotificationView, { base }: PieceFrame): Html {
  if (detail === null) return html`<p class="none">There are none before the notification is claimed.</p>`;
  const shown = lines.slice(0, BATCHES_A_PAGE);
  const states = Object.entries(detail.batches).map(([name, count]) => `${amount(count)} ${name}`);
  const path = notificationPath(base, status.notificationId);
  const link = (at: number, label: string) =>
    html`<a class="button" href="${path}?from=${at}#batches">${label}</a>`;
  return html`<p>${states.length === 0 ? 'None yet.' : states.join(', ')}</p>
${table(
  'Batches',
  ['batch', 'state', 'recipients', 'accepted', 'refused or ended', 'generation', 'queued', 'settled'],
  shown.map((one) => [
    one.seq,
    one.state,
    amount(one.size),
    amount(one.accepted),
    amount(one.others),
    one.generation,
    moment(one.queuedAt),
    moment(one.settledAt),
  ]),
  'No batches from this number on.',
)}
${(from > 0 || lines.length > BATCHES_A_PAGE) && html`<nav class="choice" aria-label="Pages of batches">${from > 0 && link(Math.max(0, from - BATCHES_A_PAGE), 'Earlier batches')}${lines.length > BATCHES_A_PAGE && link(shown.at(-1)!.seq + 1, 'Later batches')}</nav>`}`;
}
