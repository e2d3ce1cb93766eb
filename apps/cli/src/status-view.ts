import type { AppStatus } from '@pushfleet/shared/store/app-status';
import type { NotificationState, NotificationStatus } from '@pushfleet/shared/store/status';
import Table from 'cli-table3';
import { colors, plural } from './output.ts';
import { progressBar, settledPercent } from './progress-bar.ts';
import { NO_LINES } from './table-style.ts';

/**
 * One notification, for reading.
 *
 * @param app what its app does; undefined where that does not matter any more
 */
export function notificationView(status: NotificationStatus, app?: AppStatus): string {
  const count = (name: keyof NotificationStatus) => (status[name] as number).toLocaleString('en');
  const rows: [string, string][] = [
    ['state', paintState(status.state)],
    ['app', app === undefined || sends(app) ? status.app : `${status.app}, ${paintSending(app)}`],
    ['progress', `${progressBar(status, 40)} ${settledPercent(status)} of ${count('recipients')}`],
    ['accepted', count('accepted')],
    ['rejected', count('rejected')],
    ['retired', count('retired')],
    ['expired', count('expired')],
    ['cancelled', count('cancelled')],
    ['failed', count('failed')],
    ['pending', count('pending')],
    ['sent again', `${count('resentWithoutAnswer')} without an answer to the first`],
    ['due', status.dueAt ?? '–'],
    ['first accepted', status.firstAcceptedAt ?? '–'],
    ['finished', status.finishedAt ?? '–'],
  ];
  for (const [reason, number] of Object.entries(status.reasons))
    rows.push(['reason', `${reason}: ${number}`]);
  if (status.error !== null) rows.push(['error', colors.red(status.error)]);
  const table = new Table(NO_LINES);
  for (const row of rows) table.push(row);
  return `${colors.bold(`notification ${status.notificationId}`)}\n${table.toString()}`;
}

export interface FleetStatus {
  readonly apps: readonly AppStatus[];
  readonly notifications: readonly NotificationStatus[];
  readonly rowsTooOld: number;
}

/** Apps and notifications, for reading. */
export function fleetView({ apps, notifications, rowsTooOld }: FleetStatus): string {
  const parts = [
    apps.length === 0 ? 'no app is known yet: start a producer (pushfleet producer)' : appsTable(apps),
    notifications.length === 0 ? 'no notifications' : notificationsTable(notifications),
  ];
  for (const { notificationId, error } of notifications)
    if (error !== null) parts.push(`notification ${notificationId}: ${colors.red(error)}`);
  if (rowsTooOld > 0)
    parts.push(colors.yellow(`${plural(rowsTooOld, 'unsent row')} older than PUSHFLEET_MAX_AGE: not sent`));
  return parts.join('\n');
}

function appsTable(apps: readonly AppStatus[]): string {
  const table = new Table({ head: ['app', 'topic', 'environment', 'sends', 'rate', 'held'], ...NO_LINES });
  for (const one of apps) {
    const { app, topic, environment, ratePerSecond, heldNotifications } = one;
    table.push([
      app,
      topic,
      environment,
      paintSending(one),
      ratePerSecond === null ? 'no limit' : `${ratePerSecond}/s`,
      heldNotifications === 0 ? '–' : colors.yellow(plural(heldNotifications, 'notification')),
    ]);
  }
  return table.toString();
}

function sends({ paused, stopped }: AppStatus): boolean {
  return !paused && stopped.length === 0;
}

function paintSending({ paused, pausedBy, stopped }: AppStatus): string {
  const lines = stopped.map(({ reason, credential, topic }) =>
    colors.red(`stopped: ${reason} (${topic ?? `credential ${credential}`})`),
  );
  if (paused) lines.unshift(colors.yellow(`paused by ${pausedBy ?? 'unknown'}`));
  return lines.length === 0 ? colors.green('yes') : lines.join('\n');
}

function notificationsTable(notifications: readonly NotificationStatus[]): string {
  const table = new Table({
    head: [
      'id',
      'app',
      'state',
      'progress',
      '',
      'recipients',
      'accepted',
      'refused',
      'failed',
      'pending',
      'due',
    ],
    colAligns: [
      'right',
      'left',
      'left',
      'left',
      'right',
      'right',
      'right',
      'right',
      'right',
      'right',
      'left',
    ],
    ...NO_LINES,
  });
  for (const n of notifications)
    table.push([
      n.notificationId,
      n.app,
      paintState(n.state),
      progressBar(n, 20),
      settledPercent(n),
      ...[n.recipients, n.accepted, n.rejected + n.retired, n.failed, n.pending].map((count) =>
        count.toLocaleString('en'),
      ),
      n.dueAt ?? '–',
    ]);
  return table.toString();
}

function paintState(state: NotificationState): string {
  if (state === 'done') return colors.green(state);
  if (state === 'invalid' || state === 'expired') return colors.red(state);
  return state === 'held' || state === 'cancelled' ? colors.yellow(state) : colors.cyan(state);
}
