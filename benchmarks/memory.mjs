/**
 * Peak memory of producer and worker, and what Redis held, for audiences of very different size: all of
 * it must be flat. The simulator accepts everything and keeps no records.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { requireShared, seed, start, startServers } from './bench-installation.mjs';
import { peakMemoryMb } from './processes.mjs';

const SIZES = [10_000, 1_000_000, 10_000_000];
const SESSIONS = ['node-apn', 'native'];
/** The simulator is not what is measured. */
const FAST = ['--fast'];
const LONGEST_MS = 90 * 60_000;

/**
 * @param {string[]} args a session (left out: node-apn), then sizes
 * @returns {Promise<number>} exit code
 */
export async function run(args, say) {
  const session = SESSIONS.find((name) => name === args[0]) ?? 'node-apn';
  const given = args.filter((arg) => !SESSIONS.includes(arg));
  const sizes = given.length > 0 ? given.map((arg) => Number(arg.replaceAll('_', ''))) : SIZES;
  if (sizes.some((size) => !Number.isInteger(size) || size < 1)) {
    process.stderr.write('whole numbers of recipients: npm run bench -- memory native 10000 1000000\n');
    return 2;
  }
  say(`session: ${session}`);
  const rows = [];
  for (const size of sizes) rows.push(await measure(size, session, say));
  say('\nrecipients    producer MB  worker MB  Redis MB  planned in s  accepted in s');
  for (const row of rows) {
    say(
      [
        row.size.toLocaleString('en').padEnd(13),
        row.producer.toFixed(0).padStart(11),
        row.worker.toFixed(0).padStart(10),
        row.redis.toFixed(0).padStart(9),
        row.plannedIn.toFixed(1).padStart(13),
        row.acceptedIn.toFixed(1).padStart(14),
      ].join(' '),
    );
  }
  const ratio = (name) => Math.max(...rows.map((row) => row[name])) / rows[0][name];
  say(
    `\nlargest to smallest: producer ${ratio('producer').toFixed(2)}, worker ${ratio('worker').toFixed(2)}`,
  );
  return 0;
}

async function measure(size, session, say) {
  const directory = mkdtempSync(join(tmpdir(), 'pushfleet-bench-'));
  const stops = [];
  try {
    const { environment, mysql, redisUrl } = await startServers(directory, stops, FAST);
    await seed(mysql, size, say);
    const settings = { ...environment, PUSHFLEET_APNS_SESSION: session };
    const producer = await start(['producer'], settings, '"producer.started"', stops);
    const worker = await start(['worker'], settings, '"worker.started"', stops);
    const startedAt = performance.now();
    await mysql.query('START TRANSACTION');
    await mysql.query(
      "INSERT INTO notification (id, message, sent, notificationdate) VALUES (1, 'Hello', 0, UTC_TIMESTAMP())",
    );
    await mysql.query('INSERT INTO notification_token_group VALUES (1, 1)');
    await mysql.query('COMMIT');
    let plannedIn = 0;
    for (;;) {
      await sleep(500);
      const [[dispatch]] = await mysql.query('SELECT state, recipients, planned_at FROM pushfleet_dispatch');
      if (plannedIn === 0 && dispatch?.planned_at) {
        plannedIn = (performance.now() - startedAt) / 1000;
        say(`${size.toLocaleString('en')} recipients: planned in ${plannedIn.toFixed(1)} s`);
      }
      if (dispatch?.state === 'done') break;
      if (performance.now() - startedAt > LONGEST_MS) throw new Error('the broadcast did not end in time');
    }
    return {
      size,
      producer: peakMemoryMb(producer.pid),
      worker: peakMemoryMb(worker.pid),
      redis: await redisPeakMb(redisUrl),
      plannedIn,
      acceptedIn: (performance.now() - startedAt) / 1000,
    };
  } finally {
    for (const stop of stops.reverse()) await stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function redisPeakMb(url) {
  const { Redis } = requireShared('ioredis');
  const redis = new Redis(url);
  const info = await redis.info('memory');
  redis.disconnect();
  return Number(/used_memory_peak:(\d+)/.exec(info)[1]) / 2 ** 20;
}
