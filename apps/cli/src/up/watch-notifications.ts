import { setTimeout as sleep } from 'node:timers/promises';
import { type NotificationStatus, readRecentStatus } from '@pushfleet/shared/store/status';
import { colors, plural } from '../output.ts';
import { statusRules, type Tool } from '../tool.ts';
import type { Screen } from './screen.ts';

const LOOK_EVERY_MS = 500;
/** Newest ones that are looked at; of more at once only their number is told. */
const NEWEST = 50;
const LINES_AT_ONCE = 5;

/**
 * Prints a line for each notification that ends from now on, until `signal`. A MySQL that does not answer for
 * a moment is none of its business: the processes say so in their logs.
 */
export async function watchNotifications(tool: Tool, screen: Screen, signal: AbortSignal): Promise<void> {
  const told = new Set((await readEnded(tool)).map(keyOf));
  while (!signal.aborted) {
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
    const ended = (await readEnded(tool).catch(() => [])).filter((status) => !told.has(keyOf(status)));
    for (const status of ended) told.add(keyOf(status));
    const lines = ended.reverse().map(endedLine);
    for (const line of lines.slice(0, LINES_AT_ONCE)) screen.say(line);
    if (lines.length > LINES_AT_ONCE) screen.say(`  … and more; npx pushfleet status shows the newest`);
  }
}

async function readEnded(tool: Tool): Promise<NotificationStatus[]> {
  const { notifications } = await readRecentStatus(tool.store, NEWEST, statusRules(tool));
  return notifications.filter(({ finishedAt, state }) => finishedAt !== null || state === 'invalid');
}

/** Another round of a notification ends at another time. */
function keyOf({ notificationId, state, finishedAt }: NotificationStatus): string {
  return `${notificationId} ${state} ${finishedAt}`;
}

function endedLine(status: NotificationStatus): string {
  const time = colors.dim(new Date().toTimeString().slice(0, 8));
  const counts = (['accepted', 'rejected', 'retired', 'expired', 'cancelled', 'failed'] as const)
    .filter((outcome) => status[outcome] > 0)
    .map((outcome) => `${status[outcome].toLocaleString('en')} ${outcome}`);
  const text =
    status.error ?? [plural(status.recipients, 'recipient'), ...counts].join(', ') + tookOf(status);
  return `  ${time} notification ${status.notificationId} ${status.state}: ${text}`;
}

function tookOf({ dueAt, finishedAt }: NotificationStatus): string {
  if (dueAt === null || finishedAt === null) return '';
  return `; ended ${((Date.parse(finishedAt) - Date.parse(dueAt)) / 1_000).toFixed(1)} s after its time`;
}
