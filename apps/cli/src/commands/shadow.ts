import { once } from 'node:events';
import { dueWindow } from '@pushfleet/shared/domain/due-window';
import { dueInstant } from '@pushfleet/shared/domain/wall-time';
import { loadConfig } from '@pushfleet/shared/platform/config';
import { toolSettings } from '@pushfleet/shared/platform/process-settings';
import { readNotificationRows } from '@pushfleet/shared/store/notification-rows';
import { openStore } from '@pushfleet/shared/store/open-store';
import { readRowsInWindow, withReadableTables } from '@pushfleet/shared/store/shadow-rows';
import type { Store } from '@pushfleet/shared/store/store';
import type { Command } from 'commander';
import { toolEnvironment } from '../environment.ts';
import { givenDuration } from '../given-values.ts';
import { plural } from '../output.ts';
import { shadowApps } from '../shadow/shadow-apps.ts';
import { type ShadowRow, type ShadowRules, shadowRow } from '../shadow/shadow-row.ts';

interface ShadowFlags {
  readonly since?: number;
  readonly sentToo?: boolean;
  readonly deviceTokens?: boolean;
  readonly json?: boolean;
}

/** shadow: what would be sent, to compare with the old loop before the cut-over. */
export function addShadow(program: Command): void {
  program
    .command('shadow')
    .summary('audience and payload of each due row, sending nothing')
    .description(
      'Shows to whom and what would be sent of each due row, to compare with the old loop before it is switched off. It sends nothing and writes nothing; it reads the tables of the backend in read-only transactions, and needs none of our own.',
    )
    .option(
      '--since <duration>',
      'how far back due times are looked at (default: PUSHFLEET_MAX_AGE)',
      givenDuration,
    )
    .option('--sent-too', 'also rows that the old loop has marked sent; their audience is that of now')
    .option(
      '--device-tokens',
      'list the device tokens; without --json one line each: notification id, device token',
    )
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      '\nExamples:\n  pushfleet shadow\n  pushfleet shadow --since 24h --sent-too --json\n  pushfleet shadow --device-tokens | sort > shadow.txt',
    )
    .action(async (flags: ShadowFlags) => {
      const environment = toolEnvironment();
      const config = loadConfig(toolSettings, environment);
      const apps = await shadowApps(config, environment);
      const opened = await openStore(config, 2, { readOnly: true });
      try {
        const { store, missing } = await withReadableTables(opened);
        if (missing.includes('pushfleet_request'))
          process.stderr.write(
            `pushfleet: without ${missing.join(' and ')}, which cannot be read or do not exist yet\n`,
          );
        const zone = store.backend.dueIsTimestamp ? 'UTC' : config.PUSHFLEET_TIMEZONE;
        const maxAge = config.PUSHFLEET_MAX_AGE;
        const now = Date.now();
        const rows = {
          apps,
          defaultApp: apps.length === 1 ? apps[0]!.name : config.PUSHFLEET_APP,
          zone: config.PUSHFLEET_TIMEZONE,
          expiryIsDateTime: store.backend.expiryIsDateTime,
        };
        const window = dueWindow(now, zone, flags.since ?? maxAge, now);
        await new Shadow(store, { rows, maxAge }, flags).show(window, zone, now);
      } finally {
        await opened.close();
      }
    });
}

/** Prints row by row as they are read, so that neither many rows nor large audiences cost memory. */
class Shadow {
  readonly #store: Store;
  readonly #rules: ShadowRules;
  readonly #flags: ShadowFlags;
  #shown = 0;

  constructor(store: Store, rules: ShadowRules, flags: ShadowFlags) {
    this.#store = store;
    this.#rules = rules;
    this.#flags = flags;
  }

  async show(window: { from: string; to: string }, zone: string, now: number): Promise<void> {
    const { json, deviceTokens, sentToo } = this.#flags;
    if (json === true) await write('{"notifications": [');
    for (const sent of sentToo === true ? [false, true] : [false]) {
      for await (const page of readRowsInWindow(this.#store, window, sent)) {
        const rows = await readNotificationRows(
          this.#store,
          page.map(({ id }) => id),
        );
        const rowOf = new Map(rows.map((row) => [row.id, row]));
        for (const { id } of page) {
          const row = rowOf.get(id);
          const dueAt = row === undefined ? null : dueInstant(row.due, zone);
          // Gone, postponed or sent since the page was read.
          if (row === undefined || dueAt === null || dueAt > now || row.unsent === sent) continue;
          await this.#row(row, dueAt);
        }
      }
    }
    if (json === true) await write('\n]}\n');
    else if (this.#shown === 0 && deviceTokens !== true)
      await write(
        `no row is due since ${window.from} (${zone})${sentToo === true ? '' : '; --sent-too shows those that are marked sent'}\n`,
      );
  }

  async #row(row: Parameters<typeof shadowRow>[1], dueAt: number): Promise<void> {
    const { json, deviceTokens } = this.#flags;
    const first = this.#shown++ === 0;
    if (json !== true) {
      const shown = await shadowRow(this.#store, row, dueAt, this.#rules, async (list) => {
        if (deviceTokens === true && list.length > 0)
          await write(`${list.map((deviceToken) => `${row.id} ${deviceToken}`).join('\n')}\n`);
      });
      if (deviceTokens !== true) await write(`${rowView(shown)}\n`);
      return;
    }
    await write(`${first ? '' : ','}\n{`);
    if (deviceTokens === true) await write('"deviceTokenList": [');
    let listed = 0;
    const shown = await shadowRow(this.#store, row, dueAt, this.#rules, async (list) => {
      if (deviceTokens !== true || list.length === 0) return;
      await write(`${listed > 0 ? ',' : ''}${list.map((deviceToken) => `"${deviceToken}"`).join(',')}`);
      listed += list.length;
    });
    if (deviceTokens === true) await write('], ');
    await write(JSON.stringify(shown).slice(1));
  }
}

function rowView({
  notificationId,
  sent,
  dueAt,
  app,
  error,
  request,
  audience,
  deviceTokens,
}: ShadowRow): string {
  if (request === null || audience === null || deviceTokens === null)
    return `notification ${notificationId}: nothing would be sent: ${error}`;
  const left = [
    [audience.inactive, 'inactive'],
    [audience.duplicates, 'more than once'],
    [audience.malformed, 'malformed'],
    [audience.otherApp, 'of another app'],
  ].flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]));
  return [
    `notification ${notificationId}: ${plural(deviceTokens.count, 'device token')}, digest ${deviceTokens.digest}`,
    `  due ${dueAt}${sent ? ', marked sent' : ''}, app ${app}, ${audience.direct} direct, ${plural(audience.groups, 'group')}${left.length === 0 ? '' : `; left out: ${left.join(', ')}`}`,
    `  ${Object.entries(request.headers)
      .map(([name, value]) => `${name}: ${value}`)
      .join(', ')}`,
    `  ${JSON.stringify(request.payload)}`,
  ].join('\n');
}

/** Waits for a slow reader, or an audience would pile up in memory. */
async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}
