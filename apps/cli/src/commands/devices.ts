import { normalizeDeviceToken } from '@pushfleet/shared/domain/device-token';
import { findDeviceRows } from '@pushfleet/shared/store/device-outcome';
import { givenId } from '@pushfleet/shared/store/given-id';
import { readRetiredDevices } from '@pushfleet/shared/store/retirements';
import { isoTime } from '@pushfleet/shared/store/status';
import { type Command, InvalidArgumentError } from 'commander';
import { askProducer } from '../ask-producer.ts';
import { CommandFailure } from '../failure.ts';
import { givenList } from '../given-list.ts';
import { print, printJson } from '../output.ts';
import { NO_LINES } from '../table-style.ts';
import { type Tool, withTool } from '../tool.ts';

/** Most ids in one command's row. */
const CHUNK = 1_000;

/** devices: the device tokens that were switched off because APNs called them dead, and the undo. */
export function addDevices(program: Command): void {
  const devices = program
    .command('devices')
    .summary('device tokens that were switched off, and undo')
    .description('Shows and restores the device tokens that were switched off because APNs called them dead.')
    .addHelpText('after', '\nExamples:\n  pushfleet devices list\n  pushfleet devices restore 17');
  devices
    .command('list')
    .summary('those that are switched off now, newest first')
    .option('--limit <count>', 'at most so many', wholeNumber, 100)
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  pushfleet devices list --limit 20')
    .action(({ limit, json }: { limit: number; json?: boolean }) =>
      withTool((tool) => list(tool, limit, json === true)),
    );
  devices
    .command('restore')
    .argument(
      '<devices...>',
      'device tokens, or ids of their rows as `devices list` shows them; - reads stdin',
    )
    .summary('switch them on again')
    .addHelpText(
      'after',
      '\nExamples:\n  pushfleet devices restore 17 18\n  pushfleet devices restore - < device-tokens.txt',
    )
    .action(async (given: string[]) => {
      const values = await givenList(given, 'device tokens');
      await withTool((tool) => restore(tool, values));
    });
}

async function list({ store }: Tool, limit: number, json: boolean): Promise<void> {
  const devices = (await readRetiredDevices(store, limit)).map((device) => ({
    ...device,
    apnsTimestamp: isoTime(device.apnsTimestamp),
    retiredAt: isoTime(device.retiredAt),
  }));
  if (json) return printJson({ devices });
  if (devices.length === 0) return print('no device token is switched off by Pushfleet');
  const { default: Table } = await import('cli-table3');
  const table = new Table({
    head: ['token row', 'app', 'reason', "APNs' time", 'switched off'],
    ...NO_LINES,
  });
  for (const d of devices)
    table.push([d.tokenId, d.app, d.reason, d.apnsTimestamp ?? '–', d.retiredAt ?? '–']);
  print(table.toString());
}

async function restore(tool: Tool, values: readonly string[]): Promise<void> {
  const tokenIds: string[] = [];
  let unknown = 0;
  for (const value of values) {
    const ids = await rowIds(tool, value);
    if (ids.length === 0) unknown++;
    tokenIds.push(...ids);
  }
  if (unknown > 0)
    throw new CommandFailure(
      `${unknown} of ${values.length} are in no row of the backend's table; nothing was restored`,
    );
  for (let at = 0; at < tokenIds.length; at += CHUNK) {
    const command = { verb: 'restoreDevices', tokenIds: tokenIds.slice(at, at + CHUNK) } as const;
    const { succeeded, result } = await askProducer(tool, command);
    if (succeeded) print(result);
    else throw new CommandFailure(`${result}; only those that Pushfleet switched off can be restored`);
  }
}

/** A device token is longer than any id. */
async function rowIds({ store }: Tool, value: string): Promise<string[]> {
  const deviceToken = normalizeDeviceToken(value);
  if (deviceToken !== null) return (await findDeviceRows(store, deviceToken)).map(({ tokenId }) => tokenId);
  const id = givenId(store.backend.tokenId, value);
  return id === null ? [] : [id];
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('a number from 1 on is expected.');
  return Number(text);
}
