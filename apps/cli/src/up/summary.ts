import type { NotificationStatus } from '@pushfleet/shared/store/status';
import Table from 'cli-table3';
import { colors, plural } from '../output.ts';
import type { EmbeddedApns } from './embedded-apns.ts';
import type { SampleNotification } from './sample-notifications.ts';

const COUNTS = ['recipients', 'accepted', 'rejected', 'retired', 'failed', 'pending'] as const;

/** The table of what became of the sample notifications, and why some were not accepted. */
export function summaryOf(
  notifications: readonly SampleNotification[],
  statuses: readonly (NotificationStatus | null)[],
): string {
  const table = new Table({
    head: ['id', 'notification', 'state', ...COUNTS],
    colAligns: ['right', 'left', 'left', ...COUNTS.map(() => 'right' as const)],
    style: { head: [], border: [], compact: true },
  });
  const remarks: string[] = [];
  notifications.forEach(({ id, title }, at) => {
    const status = statuses[at] ?? null;
    const counts = COUNTS.map((name) => (status === null ? '–' : status[name].toLocaleString('en')));
    table.push([id, title, status?.state ?? 'scheduled', ...counts]);
    if (status?.error != null) remarks.push(`${id}: ${status.error}`);
    for (const [reason, count] of Object.entries(status?.reasons ?? {}))
      remarks.push(`${id}: ${plural(count, 'device')} refused, ${reason}`);
  });
  const lines = [...table.toString().split('\n'), ...remarks.map((remark) => colors.dim(remark))];
  return lines.map((line) => `  ${line}`).join('\n');
}

/** What the simulator itself counted: the check on everything above. */
export function simulatorLines({ simulator }: EmbeddedApns): string[] {
  const accepted = simulator.acceptedCount();
  const distinct = simulator.distinctAccepted();
  const refused = Object.entries(simulator.answers())
    .filter(([answer]) => answer !== '200')
    .map(([answer, count]) => `${count} × ${answer.split(' ')[0]}`);
  return [
    `The simulator accepted ${accepted.toLocaleString('en')} pushes for ${plural(distinct, 'device')}.`,
    ...(refused.length === 0
      ? []
      : [`Its other answers: ${refused.join(', ')} (429 and 503 are tried again).`]),
  ];
}
