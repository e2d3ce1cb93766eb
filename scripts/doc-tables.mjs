/** Tables of the documentation that are made from code. Read as it was built. */
import { readdirSync, readFileSync } from 'node:fs';
import { EVENT_MEANINGS } from './event-meanings.mjs';
import { MEANINGS } from './setting-meanings.mjs';

const DURATIONS = ['PUSHFLEET_MAX_AGE', 'PUSHFLEET_RETRY_DELAYS', 'PUSHFLEET_RETENTION'];

/** What came of a request and what follows, in the words of the documentation. */
const VERDICTS = {
  accepted: '**accepted**',
  rejected: '**rejected**',
  retired: '**retired**: the device token is switched off',
  retry: 'tried again later; costs an attempt',
  resend: 'sent again; costs nothing',
  stop: 'the worker stops and probes; costs nothing',
};

/** One row per reason of APNs, from REASON_POLICIES. */
export async function answersTable() {
  const { REASON_POLICIES } = await import('../packages/shared/dist/domain/apns-answer.js');
  return table(
    ['status', 'reason', 'what follows', 'connection'],
    [...REASON_POLICIES].map(([reason, { status, verdict, replaceConnection }]) => [
      status,
      reason,
      VERDICTS[verdict],
      replaceConnection ? 'replaced' : '',
    ]),
  );
}

/** One row per setting: meaning, default, and the processes that read it. */
export async function settingsTable() {
  const { settings, SECRETS } = await import('../packages/shared/dist/platform/settings.js');
  const processes = await import('../packages/shared/dist/platform/process-settings.js');
  const names = Object.keys(settings);
  const wrong = [
    ...names.filter((name) => !(name in MEANINGS)).map((name) => `${name} has no meaning`),
    ...Object.keys(MEANINGS)
      .filter((name) => !names.includes(name))
      .map((name) => `${name} is gone`),
  ];
  if (wrong.length > 0) throw new Error(`scripts/setting-meanings.mjs: ${wrong.join(', ')}`);
  const readers = ['producer', 'worker', 'board', 'tool'];
  const readBy = (reader) => [
    ...processes[`${reader}Settings`],
    ...(reader === 'board' ? processes.overviewSettings : []),
  ];
  return table(
    ['setting', 'meaning', 'default', 'read by'],
    names.map((name) => [
      `\`${name}\`${SECRETS.includes(name) ? ' †' : ''}`,
      MEANINGS[name],
      defaultOf(name, settings[name]),
      readers
        .filter((reader) => readBy(reader).includes(name))
        .map((reader) => (reader === 'tool' ? 'tools' : reader))
        .join(', '),
    ]),
  );
}

function defaultOf(name, setting) {
  const read = setting.safeParse(undefined);
  if (!read.success) return 'required';
  const value = read.data;
  if (value === undefined) return '–';
  if (value === null) return '`off`';
  const list = [value].flat();
  return `\`${(DURATIONS.includes(name) ? list.map(duration) : list).join(',')}\``;
}

function duration(ms) {
  const units = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 };
  // A day is written as hours, a month as days.
  const unit = Object.keys(units).find((name) => ms % units[name] === 0 && (name !== 'd' || ms > units.d));
  return unit === undefined ? `${ms}ms` : `${ms / units[unit]}${unit}`;
}

/** One row per event of a log: levels, the processes that log it, meaning, what to do. */
export async function eventsTable() {
  const { LOG_EVENTS } = await import('../packages/shared/dist/platform/log-events.js');
  const names = Object.keys(LOG_EVENTS);
  const sources = logSources();
  const loggedBy = (name) => [
    ...new Set(sources.filter(({ text }) => text.includes(`'${name}'`)).map(({ process }) => process)),
  ];
  const wrong = [
    ...names.filter((name) => !(name in EVENT_MEANINGS)).map((name) => `${name} has no meaning`),
    ...Object.keys(EVENT_MEANINGS)
      .filter((name) => !names.includes(name))
      .map((name) => `${name} is gone`),
    ...names.filter((name) => loggedBy(name).length === 0).map((name) => `nothing logs ${name}`),
  ];
  if (wrong.length > 0)
    throw new Error(
      `scripts/event-meanings.mjs, packages/shared/src/platform/log-events.ts: ${wrong.join(', ')}`,
    );
  return table(
    ['event', 'level', 'of', 'means', 'to do'],
    names.map((name) => [
      `\`${name}\``,
      LOG_EVENTS[name].join(', '),
      loggedBy(name).join(', '),
      EVENT_MEANINGS[name][0],
      EVENT_MEANINGS[name][1] ?? '',
    ]),
  );
}

/** What is logged from packages/shared may be of several processes. */
function logSources() {
  const places = {
    producer: 'apps/producer',
    worker: 'apps/worker',
    board: 'apps/board',
    any: 'packages/shared',
  };
  return Object.entries(places).flatMap(([process, place]) => {
    const directory = new URL(`../${place}/src/`, import.meta.url);
    return readdirSync(directory, { recursive: true })
      .filter((name) => name.endsWith('.ts') && !/\.test\.ts$|log-events\.ts$/.test(name))
      .map((name) => ({ process, text: readFileSync(new URL(name, directory), 'utf8') }));
  });
}

/** A table as the formatter writes it: the columns aligned. */
export function table(head, rows) {
  const cells = [head, ...rows].map((row) => row.map((cell) => String(cell).replaceAll('|', '\\|')));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(' | ')} |`;
  const rule = line(widths.map((width) => '-'.repeat(width)));
  return [line(cells[0]), rule, ...cells.slice(1).map(line)].join('\n');
}

/** The file with the part between its two `generated` marks replaced. */
export function withBlock(text, path, block) {
  const [begin, end] = ['<!-- generated: npm run generate -->', '<!-- end of what is generated -->'];
  const from = text?.indexOf(begin) ?? -1;
  const to = text?.indexOf(end) ?? -1;
  if (from === -1 || to < from) throw new Error(`${path} has no place between "${begin}" and "${end}"`);
  return `${text.slice(0, from + begin.length)}\n\n${block}\n\n${text.slice(to)}`;
}
