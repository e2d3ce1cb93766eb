/**
 * What a recipient costs: processor time of each process and bytes in MySQL, for docs/scaling.md. Two broadcasts
 * to the same device tokens: all of the first are accepted, a sixteenth of the second is answered 410. Linux only.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seed, start, startServers } from './bench-installation.mjs';
import { usage } from './processes.mjs';

const SIZE = 300_000;
const SINGLE = 20_000;
const OWN_ROWS = ['pushfleet_dispatch', 'pushfleet_batch'];
const LONGEST_MS = 15 * 60_000;
/** Refused: every device token of the benchmarks begins with a digit that is as likely as any other. */
const GONE = 'device 0* answer 410 Unregistered timestamp -60s';

/**
 * @param {string[]} args a session (left out: node-apn), then a size
 * @returns {Promise<number>} exit code
 */
export async function run(args, say) {
  const session = args[0] === 'native' ? 'native' : 'node-apn';
  const given = args.find((arg) => /^[\d_]+$/.test(arg));
  const size = given === undefined ? SIZE : Number(given.replaceAll('_', ''));
  say(`session: ${session}`);
  const directory = mkdtempSync(join(tmpdir(), 'pushfleet-bench-'));
  const stops = [];
  try {
    const { environment, mysql, adminUrl, pids } = await startServers(directory, stops);
    await seed(mysql, size, say);
    const settings = { ...environment, PUSHFLEET_APNS_SESSION: session };
    const producer = await start(['producer'], settings, '"producer.started"', stops);
    const worker = await start(['worker'], settings, '"worker.started"', stops);
    const processes = { producer: producer.pid, worker: worker.pid, mysql: pids.mysql, redis: pids.redis };
    await sleep(3_000);
    const idle = await secondsOver(processes, 10_000);
    const accepted = await broadcast(mysql, 1, processes, idle);
    await fetch(`${adminUrl}/script`, { method: 'POST', body: GONE });
    const refusing = await broadcast(mysql, 2, processes, idle);
    const [[{ refused }]] = await mysql.query('SELECT COUNT(*) AS refused FROM pushfleet_outcome');
    const bytes = await bytesOf(mysql, ['pushfleet_batch', 'pushfleet_outcome', 'pushfleet_retirement']);
    await fetch(`${adminUrl}/script`, { method: 'POST', body: '' });
    const dispatches = await bytesOf(mysql, OWN_ROWS);
    const single = await singlePushes(mysql, processes, idle);
    const withSingle = await bytesOf(mysql, OWN_ROWS);

    say(
      `\nrecipients ${size}; planned in ${accepted.plannedIn.toFixed(1)} s, ended after ${accepted.endedIn.toFixed(1)} s`,
    );
    say(
      'microseconds of processor   accepted   more for one refused   a push to one device   idle per second',
    );
    for (const name of Object.keys(processes))
      say(
        [
          name.padEnd(26),
          ((accepted.seconds[name] / size) * 1e6).toFixed(1).padStart(10),
          (((refusing.seconds[name] - accepted.seconds[name]) / refused) * 1e6).toFixed(0).padStart(22),
          ((single.seconds[name] / SINGLE) * 1e6).toFixed(0).padStart(24),
          (idle[name] * 1e6).toFixed(0).padStart(17),
        ].join(' '),
      );
    say(`\n${refused} refused in the second`);
    say(`bytes in pushfleet_batch for a recipient      ${(bytes.pushfleet_batch / (2 * size)).toFixed(2)}`);
    say(`bytes in pushfleet_outcome for a refused one  ${(bytes.pushfleet_outcome / refused).toFixed(0)}`);
    say(`bytes in pushfleet_retirement for a retired   ${(bytes.pushfleet_retirement / refused).toFixed(0)}`);
    const own = OWN_ROWS.reduce((sum, table) => sum + withSingle[table] - dispatches[table], 0);
    say(`bytes of a push to one device                 ${(own / SINGLE).toFixed(0)}`);
    say(`pushes to one device a second                 ${(SINGLE / single.endedIn).toFixed(0)}`);
    return 0;
  } finally {
    for (const stop of stops.reverse()) await stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** @param idle seconds of processor per second, which are not the broadcast's */
async function broadcast(mysql, id, processes, idle) {
  const before = usage(processes);
  const startedAt = performance.now();
  const elapsed = () => (performance.now() - startedAt) / 1_000;
  await mysql.query('START TRANSACTION');
  await mysql.query(
    "INSERT INTO notification (id, message, sent, notificationdate) VALUES (?, 'Hello', 0, UTC_TIMESTAMP())",
    [id],
  );
  await mysql.query('INSERT INTO notification_token_group VALUES (?, 1)', [id]);
  await mysql.query('COMMIT');
  let plannedIn = 0;
  for (;;) {
    await sleep(100);
    const [[row]] = await mysql.query(
      'SELECT state, planned_at FROM pushfleet_dispatch WHERE notification_id = ?',
      [id],
    );
    if (plannedIn === 0 && row?.planned_at) plannedIn = elapsed();
    if (row?.state === 'done') break;
    if (performance.now() - startedAt > LONGEST_MS) throw new Error('the broadcast did not end in time');
  }
  const endedIn = elapsed();
  await retired(mysql);
  const after = usage(processes);
  const took = elapsed();
  const seconds = {};
  for (const name of Object.keys(processes)) seconds[name] = after[name] - before[name] - idle[name] * took;
  return { plannedIn, endedIn, seconds };
}

/** So many notifications to one device each, all due at once. */
async function singlePushes(mysql, processes, idle) {
  const ids = Array.from({ length: SINGLE }, (_, i) => 1_000 + i);
  const before = usage(processes);
  const startedAt = performance.now();
  await mysql.query('START TRANSACTION');
  await mysql.query(
    'INSERT INTO notification (id, message, sent, notificationdate) SELECT t.id + 999, ?, 0, UTC_TIMESTAMP() FROM token t ORDER BY t.id LIMIT ?',
    ['Hello', SINGLE],
  );
  await mysql.query('INSERT INTO notification_token VALUES ?', [ids.map((id) => [id, id * 7 - 1_000])]);
  await mysql.query('COMMIT');
  for (;;) {
    await sleep(200);
    const [[{ done }]] = await mysql.query(
      "SELECT COUNT(*) AS done FROM pushfleet_dispatch WHERE state = 'done' AND id > 2",
    );
    if (done >= SINGLE) break;
    if (performance.now() - startedAt > LONGEST_MS) throw new Error('the pushes did not end in time');
  }
  const took = (performance.now() - startedAt) / 1_000;
  const after = usage(processes);
  const seconds = {};
  for (const name of Object.keys(processes)) seconds[name] = after[name] - before[name] - idle[name] * took;
  return { endedIn: took, seconds };
}

/** Device tokens are switched off after their broadcast has ended. */
async function retired(mysql) {
  for (let tries = 0; tries < 600; tries++) {
    const [[{ open }]] = await mysql.query(
      "SELECT COUNT(*) AS open FROM pushfleet_retirement WHERE state = 'pending'",
    );
    if (open === 0) return;
    await sleep(500);
  }
  throw new Error('retirements did not end in time');
}

async function secondsOver(processes, ms) {
  const before = usage(processes);
  await sleep(ms);
  const after = usage(processes);
  const rates = {};
  for (const name of Object.keys(processes)) rates[name] = ((after[name] - before[name]) * 1_000) / ms;
  return rates;
}

/** Data and keys of tables on the disk. */
async function bytesOf(mysql, tables) {
  const bytes = {};
  for (const table of tables) {
    await mysql.query(`ANALYZE TABLE ${table}`);
    const [[row]] = await mysql.query(
      'SELECT data_length + index_length AS bytes FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?',
      [table],
    );
    bytes[table] = Number(row.bytes);
  }
  return bytes;
}
