import type { AppStatus } from '@pushfleet/shared/store/app-status';
import { type Html, html } from '../html.ts';
import {
  amount,
  askLink,
  type Cell,
  moment,
  notificationLink,
  type PieceFrame,
  table,
  wishButton,
} from '../page-pieces.ts';
import { attention } from './attention.ts';
import type { FleetView } from './fleet-view.ts';
import { acceptedWithinS, firstAcceptedOf, spanText } from './latency.ts';
import { notificationTable } from './notification-table.ts';

/** What changes while one looks: sections with an id each, so that only those that changed are replaced. */
export function overviewParts(view: FleetView, frame: PieceFrame): Html {
  const { running, waiting, ended, workers, retired, log, apps } = view;
  const severalApps = apps.length > 1;
  return html`${attention(view, frame)}
${section('now', 'Now', figures(view))}
${section(
  'apps',
  'Apps',
  table(
    'Apps',
    ['app', 'topic', 'state', 'rate', 'urgent backlog', 'bulk backlog', ''],
    apps.map((app) => appRow(app, view, frame)),
    'No app is known yet: start a producer.',
  ),
)}
${section('running', 'Running', notificationTable('Running', running, frame, 'Nothing is being sent.'))}
${section('scheduled', 'Scheduled', notificationTable('Scheduled', waiting, frame, 'Nothing waits for its time.'))}
${section('recent', 'Recent', notificationTable('Recent', ended, frame, 'Nothing has ended yet.'))}
${section('reasons', 'Outcomes by reason', reasons(view, frame))}
${section(
  'workers',
  'Workers',
  table(
    'Workers',
    ['worker', 'app', 'connection', 'stream limit', 'in flight', 'takes jobs', 'version'],
    (workers ?? []).map((one) => [
      one.worker,
      one.app,
      one.connection,
      amount(one.streamLimit),
      amount(one.inFlight),
      one.closedBy.length === 0 ? 'yes' : html`<span class="words">no: ${one.closedBy.join(', ')}</span>`,
      one.version,
    ]),
    workers === null
      ? 'Unknown: Redis does not answer the board.'
      : 'No worker has been heard of in the last ten seconds.',
  ),
)}
${section(
  'retired',
  'Retired devices',
  table(
    'Retired devices',
    ['token row', 'app', 'reason', ''],
    retired.map((one) => [
      one.tokenId,
      one.app,
      one.reason,
      wishButton(frame, 'restoreDevices', one.tokenId, 'Switch on again'),
    ]),
    'No device token is switched off by Pushfleet.',
  ),
)}
${section(
  'log',
  'Operators’ log',
  table(
    'Operators’ log',
    ['when', 'who', 'what', severalApps ? 'about (app, notification)' : 'about', 'result'],
    log.map(({ at, by, verb, about, succeeded, result }) => [
      moment(at),
      by,
      verb,
      about,
      html`<span class="words${succeeded === false && ' trouble'}">${succeeded === null ? 'not carried out yet' : result}</span>`,
    ]),
    'Nobody has asked for anything yet.',
  ),
)}`;
}

function section(id: string, title: string, body: Html): Html {
  return html`<section id="section-${id}" aria-labelledby="${id}"><h2 id="${id}">${title}</h2>${body}</section>`;
}

function backlog({ lanes }: FleetView, lane: string, app?: string): number {
  return lanes
    .filter((one) => one.lane === lane && (app === undefined || one.app === app))
    .reduce((sum, { unsettled }) => sum + unsettled, 0);
}

function figures(view: FleetView): Html {
  const { workers } = view;
  const first = firstAcceptedOf([...view.running, ...view.ended]);
  const within = (share: number) => {
    const seconds = workers && acceptedWithinS(workers, share);
    if (seconds === null) return '–';
    return Number.isFinite(seconds) ? `≤ ${spanText(seconds * 1_000)}` : '> 1 h';
  };
  const later = view.lanes.reduce((sum, { notNow }) => sum + notNow, 0);
  const shown: readonly (readonly [string, string, string])[] = [
    workers === null
      ? ['Pushes per second', '–', 'unknown: Redis does not answer']
      : ['Pushes per second', amount(view.pace.at(-1)?.[1] ?? 0), 'answers of APNs, all workers'],
    ['Urgent backlog', amount(backlog(view, 'urgent')), 'recipients planned, not settled'],
    [
      'Bulk backlog',
      amount(backlog(view, 'bulk')),
      later === 0 ? 'recipients planned, not settled' : `${amount(later)} of both lanes later or held`,
    ],
    [
      'Due to first accepted',
      first === null ? '–' : spanText(first.p50Ms),
      first === null ? 'no recent notification' : `half of those shown; slowest ${spanText(first.maxMs)}`,
    ],
    ['Due to accepted', within(0.5), `half of the recipients; 95 %: ${within(0.95)}`],
    workers === null
      ? ['Workers', '–', 'unknown: Redis does not answer']
      : [
          'Workers',
          amount(workers.length),
          `${workers.filter(({ closedBy }) => closedBy.length === 0).length} take jobs`,
        ],
  ];
  return html`<dl class="figures">${shown.map(([name, value, more]) => html`<div><dt>${name}</dt><dd><b>${value}</b> <small>${more}</small></dd></div>`)}</dl>`;
}

function appRow(status: AppStatus, view: FleetView, frame: PieceFrame): Cell[] {
  const { app, topic, environment, paused, stopped, ratePerSecond, rateFrom } = status;
  const sends = !paused && stopped.length === 0;
  // What applies without an operator's word stands in the producer's settings, which the board does not have.
  const rate =
    ratePerSecond !== null ? `${amount(ratePerSecond)}/s` : rateFrom === 'operator' ? 'no limit' : 'as set';
  return [
    app,
    `${topic}, ${environment}`,
    html`<span class="${sends ? 'good' : 'trouble'}">${sends ? 'sends' : paused ? 'paused' : 'stopped'}</span>`,
    rate,
    amount(backlog(view, 'urgent', app)),
    amount(backlog(view, 'bulk', app)),
    paused ? '' : askLink(frame, 'pause', app, 'Pause'),
  ];
}

/** Over the notifications shown: which reasons, how many recipients, and where to look. */
function reasons({ running, ended }: FleetView, frame: PieceFrame): Html {
  const found = new Map<string, { recipients: number; ids: string[] }>();
  for (const { notificationId, reasons: of } of [...running, ...ended]) {
    for (const [reason, count] of Object.entries(of)) {
      const seen = found.get(reason) ?? { recipients: 0, ids: [] };
      found.set(reason, { recipients: seen.recipients + count, ids: [...seen.ids, notificationId] });
    }
  }
  const sorted = [...found].sort(([, a], [, b]) => b.recipients - a.recipients);
  return table(
    'Outcomes by reason',
    ['reason', 'recipients', 'in notifications'],
    sorted.map(([reason, { recipients, ids }]) => [
      reason,
      amount(recipients),
      html`<span class="words">${ids.slice(0, 8).map((id) => html`${notificationLink(frame, id)} `)}${ids.length > 8 && `and ${ids.length - 8} more`}</span>`,
    ]),
    'APNs has refused nobody in the notifications shown.',
  );
}
