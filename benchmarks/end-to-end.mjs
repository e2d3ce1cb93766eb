/**
 * From the row's insert to `sent`: both sessions, and a baseline as most teams would write it, at
 * audiences of three sizes, on the same servers in the same run.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { requireShared, start } from './bench-installation.mjs';
import {
  idleUse,
  insertBroadcast,
  measured,
  onInstallation,
  startFleet,
  untilSent,
} from './installation-run.mjs';
import { table } from './report.mjs';

const SIZES = [10_000, 100_000, 1_000_000];
/** Small audiences are sent to more than once, so that their processor time can be told. */
const REPEATS = { 10000: 3 };
const PARTS = ['producer', 'worker', 'mysql', 'redis'];
const SWEEP = [50, 100, 200, 500];
const SWEEP_SIZE = 10_000;
export const NATIVE = 'Pushfleet, native';
/** After the baseline: a shared machine is not as fast in one minute as in another. */
const NATIVE_AGAIN = 'Pushfleet, native, again';
export const NODE_APN = 'Pushfleet, node-apn';
/** Of the sweep only the pushes a second count. */
const NOTHING = { producer: 0, worker: 0, mysql: 0, redis: 0 };
const LONGEST_MS = 5 * 60_000;
/** A million takes the baseline five minutes and more. */
const BASELINE_LONGEST_MS = 20_000;
const BASELINE = fileURLToPath(new URL('./baseline/', import.meta.url));

export const title = 'From the row to `sent`';

/** @returns {Promise<{text: string[], figures: object}>} */
export async function measure(say, { sizes = SIZES, shared } = {}) {
  return onInstallation(shared, [...sizes, SWEEP_SIZE], say, async (installation) => {
    const rows = [];
    rows.push(...(await pushfleet(installation, NATIVE, { session: 'native' }, sizes, say)));
    rows.push(...(await pushfleet(installation, NODE_APN, { session: 'node-apn' }, sizes, say)));
    const { concurrency, sweep } = await findConcurrency(installation, say);
    rows.push(...(await baseline(installation, concurrency, sizes, say)));
    await clearBaseline(installation);
    const { size } = wholeBaseline(rows);
    rows.push(...(await pushfleet(installation, NATIVE_AGAIN, { session: 'native' }, [size], say)));
    return section(rows, sweep, concurrency);
  });
}

async function pushfleet(installation, system, settings, sizes, say) {
  const fleet = await startFleet(installation, settings);
  const rows = [];
  try {
    await untilSent(installation.mysql, [
      await insertBroadcast(installation.mysql, installation.groups.get(SWEEP_SIZE)),
    ]);
    const idle = await idleUse(fleet.processes);
    for (const size of sizes)
      rows.push(await broadcasts(installation, fleet.processes, idle, system, size, say));
  } finally {
    await fleet.stop();
  }
  return rows;
}

/** @param part sends the broadcast, and ends earlier than its end if it wants to */
async function broadcasts({ mysql, groups }, processes, idle, system, size, say, part = whole) {
  const repeats = REPEATS[size] ?? 1;
  let pushes = 0;
  const run = await measured(processes, idle, async () => {
    let seconds = 0;
    for (let i = 0; i < repeats; i++) {
      const done = await part(mysql, await insertBroadcast(mysql, groups.get(size)), size);
      seconds += done.seconds;
      pushes += done.pushes;
    }
    return seconds;
  });
  const total = Object.values(run.cpu).reduce((sum, seconds) => sum + seconds, 0);
  const row = {
    system,
    size,
    perSecond: pushes / run.seconds,
    microseconds: (total / pushes) * 1e6,
    ...run,
    pushes,
    isWhole: pushes === size * repeats,
  };
  say(
    `  ${system}, ${size.toLocaleString('en')}: ${Math.round(row.perSecond)} a second, ${row.microseconds.toFixed(1)} µs`,
  );
  return row;
}

async function whole(mysql, id, size) {
  return { seconds: await untilSent(mysql, [id]), pushes: size };
}

/** Per push and size of the queue; the one with most pushes a second is taken. */
async function findConcurrency(installation, say) {
  const sweep = [];
  for (const concurrency of SWEEP) {
    const [row] = await baseline(installation, concurrency, [SWEEP_SIZE], say, NOTHING);
    sweep.push({ concurrency, perSecond: row.perSecond });
  }
  return { sweep, concurrency: sweep.toSorted((a, b) => b.perSecond - a.perSecond)[0].concurrency };
}

async function baseline(installation, concurrency, sizes, say, knownIdle) {
  const { mysql, environment, pids } = installation;
  await mysql.query(
    `CREATE TABLE IF NOT EXISTS push_log (notification_id INT NOT NULL, token_id INT NOT NULL, status SMALLINT NOT NULL,
       reason VARCHAR(64) NOT NULL, at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (notification_id, token_id))`,
  );
  const settings = {
    BASELINE_MYSQL_URL: environment.PUSHFLEET_MYSQL_URL,
    BASELINE_REDIS_URL: baselineRedisUrl(installation),
    BASELINE_APNS_PORT: new URL(environment.PUSHFLEET_APNS_URL).port,
    BASELINE_CA_FILE: environment.PUSHFLEET_APNS_CA_FILE,
    BASELINE_KEY_FILE: environment.PUSHFLEET_APNS_KEY_FILE,
  };
  const stops = [];
  const rows = [];
  try {
    const producer = await start([], settings, '"baseline.ready"', stops, `${BASELINE}producer.mjs`);
    const worker = await start(
      [String(concurrency)],
      settings,
      '"baseline.ready"',
      stops,
      `${BASELINE}worker.mjs`,
    );
    const processes = { producer: producer.pid, worker: worker.pid, mysql: pids.mysql, redis: pids.redis };
    const mayBeStopped = (size) => sizes.length > 1 && size === Math.max(...sizes);
    const part = async (_, id, size) => {
      producer.write(`${id}\n`);
      return untilSentOrLate(mysql, id, size, mayBeStopped(size) ? BASELINE_LONGEST_MS : LONGEST_MS);
    };
    const name = knownIdle === NOTHING ? `baseline, ${concurrency} at a time` : 'baseline';
    const idle = knownIdle ?? (await idleUse(processes));
    for (const size of sizes)
      rows.push(await broadcasts(installation, processes, idle, name, size, say, part));
    await sleep(200);
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
  return rows;
}

/** A database of its own: what it leaves must not be in the way of what is measured next. */
function baselineRedisUrl({ environment }) {
  return new URL('/1', environment.PUSHFLEET_REDIS_URL).href;
}

async function clearBaseline(installation) {
  await installation.mysql.query('DROP TABLE push_log');
  const { Redis } = requireShared('ioredis');
  const redis = new Redis(baselineRedisUrl(installation));
  await redis.flushdb();
  redis.disconnect();
}

async function untilSentOrLate(mysql, id, size, longestMs) {
  const startedAt = performance.now();
  for (;;) {
    const [[{ sent }]] = await mysql.query('SELECT sent FROM notification WHERE id = ?', [id]);
    const ms = performance.now() - startedAt;
    if (sent === 1) return { seconds: ms / 1_000, pushes: size };
    if (ms > longestMs) {
      // Nobody is to go on with it.
      await mysql.query('UPDATE notification SET sent = 1 WHERE id = ?', [id]);
      const [[{ pushes }]] = await mysql.query(
        'SELECT COUNT(*) AS pushes FROM push_log WHERE notification_id = ?',
        [id],
      );
      return { seconds: (performance.now() - startedAt) / 1_000, pushes };
    }
    await sleep(20);
  }
}

/** The baseline's largest broadcast that was sent to its end: with a part of one the cost of adding jobs is out of proportion. */
export function wholeBaseline(rows) {
  return rows.findLast(({ system, isWhole }) => system === 'baseline' && isWhole);
}

function section(rows, sweep, concurrency) {
  const of = (system, size) => rows.find((row) => row.system === system && row.size === size);
  const largest = Math.max(...rows.map(({ size }) => size));
  const smallest = Math.min(...rows.map(({ size }) => size));
  const native = of(NATIVE, largest);
  const compared = wholeBaseline(rows);
  const beside = [NATIVE, NATIVE_AGAIN].map((system) => of(system, compared.size).microseconds);
  const factor = compared.microseconds / ((beside[0] + beside[1]) / 2);
  const flatness = native.microseconds / of(NATIVE, smallest).microseconds;
  return {
    figures: { rows, factor, flatness },
    text: [
      `One producer, one worker, MariaDB, Redis and the simulator (fast mode) on the same machine. The time is from the COMMIT of the row until its \`sent\` is 1. Processor time is that of producer, worker, MariaDB and Redis together, less what they use when idle; the simulator stands for Apple and is not counted. The baseline is what most teams would write: one BullMQ job for each device, added a thousand at a time; one worker, node-apn over one warm connection; outcomes inserted in bulk. Of its largest audience it sends for ${BASELINE_LONGEST_MS / 1_000} s, while it also adds jobs; then a push has no cost, since jobs were added for many more.`,
      '',
      ...table(
        [
          'system',
          'recipients',
          'pushes a second',
          'CPU per push',
          'producer',
          'worker',
          'MariaDB',
          'Redis',
          'peak memory',
        ],
        rows.map((row) => [
          row.system,
          row.isWhole
            ? row.size.toLocaleString('en')
            : `${row.pushes.toLocaleString('en')} of ${row.size.toLocaleString('en')}`,
          Math.round(row.perSecond).toLocaleString('en'),
          ...(row.isWhole
            ? [row.microseconds, ...PARTS.map((name) => (row.cpu[name] / row.pushes) * 1e6)]
            : [null, ...PARTS.map(() => null)]
          ).map((microseconds) => (microseconds === null ? '–' : `${microseconds.toFixed(1)} µs`)),
          `${Math.round(row.peakMb.producer)} + ${Math.round(row.peakMb.worker)} + ${Math.round(row.peakMb.mysql)} + ${Math.round(row.peakMb.redis)} MB`,
        ]),
      ),
      '',
      'Peak memory: producer, worker, MariaDB (a buffer pool of 1 GB), Redis, since their start.',
      '',
      `Jobs at a time of the baseline, found with ${SWEEP_SIZE.toLocaleString('en')} devices: ${sweep.map((s) => `${s.concurrency}: ${Math.round(s.perSecond).toLocaleString('en')} a second`).join(', ')}; ${concurrency} was taken.`,
      '',
      `Native sends ${factor.toFixed(1)} times the pushes per CPU second of the baseline, at ${compared.size.toLocaleString('en')} each and of both runs of native (wanted: 10 or more); its push at ${largest.toLocaleString('en')} costs ${flatness.toFixed(2)} times that at ${smallest.toLocaleString('en')} (wanted: 1.2 or less).`,
    ],
  };
}
