import type { AppStatus } from '@pushfleet/shared/store/app-status';
import type { NotificationStatus } from '@pushfleet/shared/store/status';
import { type Html, html } from '../html.ts';
import type { FleetView } from './fleet-view.ts';

export interface OverviewFrame {
  /** Base path without a slash at its end. */
  readonly base: string;
  readonly writable: boolean;
}

/** What changes while one looks: the body of the overview below the chart. */
export function overviewParts(view: FleetView, frame: OverviewFrame): Html {
  const { apps, held, running, waiting, ended, workers, retired, log } = view;
  const backlog = running.reduce((sum, { pending }) => sum + pending, 0);
  return html`<p class="figures"><b>${backlog.toLocaleString('en')}</b> recipients wait in the notifications shown</p>
<section aria-labelledby="apps"><h2 id="apps">Apps</h2>${
    apps.length === 0
      ? html`<p>No app is known yet: start a producer.</p>`
      : apps.map((app) => appCard(app, frame))
  }
${held.map(
  ({ notificationId, heldAt, reason }) =>
    html`<p class="trouble"><b>Notification ${notificationId} is held</b> by the brake ${since(heldAt)}: ${reason} ${button(frame, 'resumeNotification', notificationId, 'Release')}</p>`,
)}</section>
<section aria-labelledby="running"><h2 id="running">Running</h2>${notifications(running, frame, 'Nothing is being sent.')}</section>
<section aria-labelledby="scheduled"><h2 id="scheduled">Scheduled</h2>${notifications(waiting, frame, 'Nothing waits for its time.')}</section>
<section aria-labelledby="recent"><h2 id="recent">Recent</h2>${notifications(ended, frame, 'Nothing has ended yet.')}</section>
<section aria-labelledby="workers"><h2 id="workers">Workers</h2>${table(
    'Workers',
    ['worker', 'app', 'connection', 'stream limit', 'in flight', 'takes jobs'],
    workers.map((one) => [
      one.worker,
      one.app,
      one.connection,
      one.streamLimit,
      one.inFlight,
      one.closedBy.length === 0 ? 'yes' : `no: ${one.closedBy.join(', ')}`,
    ]),
    'No worker has been heard of in the last ten seconds.',
  )}</section>
<section aria-labelledby="retired"><h2 id="retired">Retired devices</h2>${table(
    'Retired devices',
    ['token row', 'app', 'reason', ''],
    retired.map((one) => [
      one.tokenId,
      one.app,
      one.reason,
      button(frame, 'restoreDevices', one.tokenId, 'Switch on again'),
    ]),
    'No device token is switched off by Pushfleet.',
  )}</section>
<section aria-labelledby="log"><h2 id="log">Operators’ log</h2>${table(
    'Operators’ log',
    ['when', 'who', 'what', 'about', 'result'],
    log.map(({ at, by, verb, about, succeeded, result }) => [
      time(at),
      by,
      verb,
      about,
      succeeded === null ? 'not carried out yet' : (result ?? ''),
    ]),
    'Nobody has asked for anything yet.',
  )}</section>`;
}

function appCard(
  { app, topic, environment, paused, pausedBy, pausedAt, stopped }: AppStatus,
  frame: OverviewFrame,
): Html {
  const sends = !paused && stopped.length === 0;
  return html`<div class="app"><b>${app}</b> <span>${topic}, ${environment}</span>
<span class="${sends ? 'good' : 'trouble'}">${sends ? 'sends' : paused ? 'paused' : 'stopped'}</span>
${paused && html`<span>by ${pausedBy ?? 'unknown'} ${since(pausedAt)}</span>`}
${stopped.map(({ reason, since: at, topic: of, credential }) => html`<span class="trouble">APNs refuses ${of ?? `credential ${credential}`}: ${reason}, ${since(at)}</span>`)}
${sends ? button(frame, 'pause', app, 'Pause') : button(frame, 'resume', app, 'Resume')}</div>`;
}

function notifications(list: readonly NotificationStatus[], frame: OverviewFrame, none: string): Html {
  return table(
    'Notifications',
    [
      'id',
      'app',
      'state',
      'progress',
      'recipients',
      'accepted',
      'refused',
      'failed',
      'pending',
      'due',
      'reasons',
      '',
    ],
    list.map((n) => [
      n.notificationId,
      n.app,
      n.state,
      html`<progress max="${Math.max(1, n.recipients)}" value="${n.recipients - n.pending}" aria-label="settled of notification ${n.notificationId}"></progress>`,
      ...[n.recipients, n.accepted, n.rejected + n.retired, n.failed, n.pending].map((count) =>
        count.toLocaleString('en'),
      ),
      time(n.dueAt),
      Object.entries(n.reasons)
        .map(([reason, count]) => `${reason} ${count}`)
        .join(', ') ||
        (n.error ?? ''),
      n.pending > 0 && ['planning', 'sending', 'held'].includes(n.state)
        ? button(frame, 'cancel', n.notificationId, 'Cancel')
        : '',
    ]),
    none,
  );
}

function table(
  name: string,
  head: readonly string[],
  rows: readonly (readonly (string | number | Html)[])[],
  none: string,
): Html {
  if (rows.length === 0) return html`<p class="none">${none}</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${name}"><table><thead><tr>${head.map((one) => html`<th scope="col">${one}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map((cell) => html`<td>${cell}</td>`)}</tr>`)}</tbody></table></div>`;
}

function button({ base, writable }: OverviewFrame, verb: string, about: string, label: string): Html {
  if (!writable) return html``;
  return html`<button form="act" formaction="${base}/actions/${verb}" name="about" value="${about}" aria-label="${label} ${about}">${label}</button>`;
}

function since(at: string | null): string {
  return at === null ? '' : `since ${time(at)}`;
}

function time(iso: string | null): string {
  return iso === null ? '–' : `${iso.slice(0, 19).replace('T', ' ')} UTC`;
}
