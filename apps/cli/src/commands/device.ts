import type { DeviceNotification } from '@pushfleet/shared/store/device-history';
import { type DeviceDocument, lookUpDevice } from '@pushfleet/shared/store/device-look-up';
import type { DeviceRetirement } from '@pushfleet/shared/store/device-retirements';
import { type Command, Option } from 'commander';
import { CommandFailure } from '../failure.ts';
import { givenOne } from '../given-list.ts';
import { givenDuration } from '../given-values.ts';
import { colors, plural, print, printJson } from '../output.ts';
import { type Tool, withTool } from '../tool.ts';

const DEFAULT_SINCE_MS = 86_400_000;

/** device: what one device got, newest first. */
export function addDevice(program: Command): void {
  program
    .command('device')
    .argument('<device-token>', 'in any spelling, or the id of its row; - reads it from stdin')
    .summary('every notification whose audience had this device')
    .description(
      'Shows every notification whose audience had this device, newest first, with what became of it there; and whether the device token is active.',
    )
    .addOption(
      new Option('--since <duration>', 'how far back: 90m, 24h, 7d')
        .argParser(givenDuration)
        .default(DEFAULT_SINCE_MS, '24h'),
    )
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nExamples:\n  pushfleet device 740f4707bebcf74f…\n  pushfleet device 40\n  pushfleet device - --since 7d --json < device-token.txt',
    )
    .action(async (given: string, flags: { since: number; json?: boolean }) => {
      const value = given === '-' ? await givenOne('-', 'device token') : given;
      await withTool(async (tool) => {
        const device = await readDevice(tool, value, flags.since);
        if (flags.json === true) printJson(device);
        else print(deviceView(device));
      });
    });
}

async function readDevice({ store }: Tool, value: string, sinceMs: number): Promise<DeviceDocument> {
  const found = await lookUpDevice(store, value, sinceMs);
  if (!found.ok) throw new CommandFailure(found.why, found.isUsage ? 2 : 1);
  return found.device;
}

function deviceView({ active, rows, notifications }: DeviceDocument): string {
  const lines = [`device token ${active ? colors.green('active') : colors.yellow('not active')}`];
  for (const { tokenId, active: isOn, plain, retirement } of rows) {
    const spelling = plain ? '' : ', not written in lower-case hex';
    lines.push(`  row ${tokenId}: ${isOn ? 'active' : 'inactive'}${spelling}${retiredSentence(retirement)}`);
  }
  if (rows.length === 0) lines.push("  in no row of the backend's table");
  if (rows.length > 1)
    lines.push(`  It stands in ${rows.length} rows; each notification is sent to one of them.`);
  lines.push('');
  if (notifications.length === 0)
    lines.push('No notification had it in its audience since then; --since 7d looks further back.');
  else lines.push(historyTable(notifications), '', plural(notifications.length, 'notification'));
  return lines.join('\n');
}

function retiredSentence(retirement: DeviceRetirement | null): string {
  if (retirement === null) return '';
  const { state, reason, retiredAt, restoredAt } = retirement;
  if (state === 'applied') return `, switched off by Pushfleet at ${retiredAt} (${reason})`;
  if (state === 'restored') return `, switched off at ${retiredAt} (${reason}), restored at ${restoredAt}`;
  return state === 'pending'
    ? `, about to be switched off (${reason})`
    : `, refused by APNs (${reason}) and kept`;
}

function historyTable(notifications: readonly DeviceNotification[]): string {
  const head = ['id', 'state', 'outcome', 'reason', 'attempts', 'due', 'at', 'apns-id'];
  const cells = notifications.map((n) => [
    n.round > 1 ? `${n.notificationId} (round ${n.round})` : n.notificationId,
    n.state,
    n.outcome ?? '–',
    n.reason ?? '–',
    n.attempts === null ? '–' : String(n.attempts),
    n.dueAt ?? '–',
    n.at ?? '–',
    n.apnsId ?? '–',
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...cells].map((row) => row[i]!.length)));
  return [head, ...cells]
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
