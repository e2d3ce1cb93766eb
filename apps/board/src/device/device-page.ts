import { REASON_MEANINGS } from '@pushfleet/shared/domain/reason-meanings';
import type { DeviceDocument } from '@pushfleet/shared/store/device-look-up';
import type { DeviceRetirement } from '@pushfleet/shared/store/device-retirements';
import type { NotificationStatus } from '@pushfleet/shared/store/status';
import { type Html, html } from '../html.ts';
import { moment, notificationLink, type PieceFrame, table, wishButton } from '../page-pieces.ts';

/** At most so many notifications of its history. */
export const HISTORY_SHOWN = 100;

export interface FoundDevice {
  readonly device: DeviceDocument;
  /** Those that wait for their time and have it in their audience. */
  readonly scheduled: readonly NotificationStatus[];
}

/** The form. What was given is not in it again: no answer repeats a device token. */
export function deviceForm(base: string, csrf: string, fault: string | null): Html {
  return html`<section aria-labelledby="ask"><h2 id="ask">Look a device up</h2>
${fault !== null && html`<p class="fault" role="alert" id="fault">${fault}</p>`}
<form class="look-up" method="post" action="${base}/device" autocomplete="off">
<input type="hidden" name="_csrf" value="${csrf}">
<label for="device">Device token, or id of its row</label>
<input id="device" name="device" required maxlength="1000" autocomplete="off" autocapitalize="off" spellcheck="false" aria-describedby="device-hint${fault !== null && ' fault'}">
<p class="none" id="device-hint">A device token in any spelling. It stands in no address, log or history of this board.</p>
<button class="main">Look up</button></form></section>`;
}

export function devicePart({ device, scheduled }: FoundDevice, frame: PieceFrame, sinceDays: number): Html {
  const { active, rows, notifications } = device;
  return html`<section aria-labelledby="found"><h2 id="found">State</h2>
<p role="status">The device token is <b class="${active ? 'good' : 'trouble'}">${active ? 'active' : 'not active'}</b>${rows.length === 0 && ' and stands in no row of the backend'}.
${rows.length > 1 && `It stands in ${rows.length} rows; each notification is sent to one of them.`}</p>
${table(
  'Rows of the backend',
  ['row', 'state', 'spelling', 'retirement', ''],
  rows.map(({ tokenId, active: isOn, plain, retirement }) => [
    tokenId,
    isOn ? 'active' : 'inactive',
    plain ? 'lower-case hex' : 'not lower-case hex',
    html`<span class="words">${retirement === null ? 'never retired' : retired(retirement)}</span>`,
    retirement?.state === 'applied' ? wishButton(frame, 'restoreDevices', tokenId, 'Switch on again') : '',
  ]),
  'No row of the backend’s table holds this device token.',
)}</section>
<section aria-labelledby="latest"><h2 id="latest">Latest outcomes</h2>
${table(
  'Latest outcomes',
  ['notification', 'state', 'outcome', 'reason', 'attempts', 'due', 'at', 'apns-id'],
  notifications
    .slice(0, HISTORY_SHOWN)
    .map((one) => [
      html`${notificationLink(frame, one.notificationId)}${one.round > 1 && ` (round ${one.round})`}`,
      one.state,
      one.outcome ?? '–',
      html`<span class="words">${one.reason ?? '–'}${one.reason !== null && REASON_MEANINGS.has(one.reason) && `: ${REASON_MEANINGS.get(one.reason)}`}${one.note !== null && html`<br><small>${one.note}</small>`}</span>`,
      one.attempts ?? '–',
      moment(one.dueAt),
      moment(one.at),
      one.apnsId ?? '–',
    ]),
  `No notification of the last ${sinceDays} days had it in its audience.`,
)}
${notifications.length > HISTORY_SHOWN && html`<p class="none">The newest ${HISTORY_SHOWN} of ${notifications.length}; pushfleet device shows all.</p>`}</section>
<section aria-labelledby="coming"><h2 id="coming">Scheduled</h2>
${table(
  'Scheduled',
  ['notification', 'app', 'due'],
  scheduled.map((one) => [notificationLink(frame, one.notificationId), one.app, moment(one.dueAt)]),
  'None of the next 100 scheduled notifications has it in its audience.',
)}</section>`;
}

function retired({ state, reason, note, retiredAt, restoredAt }: DeviceRetirement): Html {
  const meaning = REASON_MEANINGS.get(reason);
  const why = html`${reason}${meaning !== undefined && `: ${meaning}`}`;
  if (state === 'applied') return html`switched off by Pushfleet at ${moment(retiredAt)} (${why})`;
  if (state === 'restored')
    return html`switched off at ${moment(retiredAt)} (${why}), restored at ${moment(restoredAt)}`;
  if (state === 'pending') return html`about to be switched off (${why})`;
  return html`refused by APNs (${why}) and kept${note !== null && `: ${note}`}`;
}
