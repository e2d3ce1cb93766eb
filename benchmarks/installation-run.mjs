/** A running installation that is measured: audiences of several sizes, broadcasts, what each process used. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seed, start, startServers } from './bench-installation.mjs';
import { peakMemoryMb, usage } from './processes.mjs';

const LONGEST_MS = 10 * 60_000;
const IDLE_MS = 2_000;

/**
 * Servers with `size` device tokens, all of them in one group. `use` gets what it needs to start processes and send;
 * everything ends with it.
 */
export async function withInstallation(size, say, use) {
  const directory = mkdtempSync(join(tmpdir(), 'pushfleet-bench-'));
  const stops = [];
  try {
    const servers = await startServers(directory, stops, ['--fast']);
    await seed(servers.mysql, size, say);
    return await use({ ...servers, directory, groups: new Map([[size, 1]]), stops });
  } finally {
    for (const stop of stops.reverse()) await stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The one that several benchmarks share, or one of its own; with a group of each of the sizes. */
export async function onInstallation(shared, sizes, say, use) {
  const useWithGroups = async (installation) => {
    for (const size of sizes) await addGroup(installation, size);
    return use(installation);
  };
  return shared === undefined
    ? withInstallation(Math.max(...sizes), say, useWithGroups)
    : useWithGroups(shared);
}

async function addGroup({ mysql, groups }, size) {
  if (groups.has(size)) return;
  const id = groups.size + 1;
  await mysql.query('INSERT INTO token_group (id, name) VALUES (?, ?)', [id, `${size} devices`]);
  await mysql.query('INSERT INTO token_group_token SELECT ?, id FROM token ORDER BY id LIMIT ?', [id, size]);
  groups.set(size, id);
}

/** Starts one producer and so many workers; returns their pids by name, and what stops them. */
export async function startFleet({ environment, pids }, { session, workers = 1 }) {
  const stops = [];
  const settings = { ...environment, PUSHFLEET_APNS_SESSION: session };
  const producer = await start(['producer'], settings, '"producer.started"', stops);
  const processes = { producer: producer.pid };
  for (let i = 0; i < workers; i++) {
    const worker = await start(['worker'], settings, '"worker.started"', stops);
    processes[workers === 1 ? 'worker' : `worker ${i + 1}`] = worker.pid;
  }
  return {
    processes: { ...processes, mysql: pids.mysql, redis: pids.redis },
    async stop() {
      for (const stop of stops.reverse()) await stop();
    },
  };
}

let lastId = 0;

/** Inserts a notification to a group as a backend would; returns its id. */
export async function insertBroadcast(mysql, group, message = 'Hello from the benchmark') {
  const id = ++lastId;
  await mysql.query('START TRANSACTION');
  await mysql.query(
    'INSERT INTO notification (id, message, sent, notificationdate) VALUES (?, ?, 0, UTC_TIMESTAMP())',
    [id, message],
  );
  await mysql.query('INSERT INTO notification_token_group VALUES (?, ?)', [id, group]);
  await mysql.query('COMMIT');
  return id;
}

/** @returns {Promise<number>} seconds from now until the backend's row says `sent` */
export async function untilSent(mysql, ids) {
  const startedAt = performance.now();
  for (;;) {
    const [[{ open }]] = await mysql.query(
      'SELECT COUNT(*) AS open FROM notification WHERE id IN (?) AND sent = 0',
      [ids],
    );
    const seconds = (performance.now() - startedAt) / 1_000;
    if (open === 0) return seconds;
    if (seconds * 1_000 > LONGEST_MS) throw new Error('the broadcast did not end in time');
    await sleep(20);
  }
}

/**
 * Seconds of processor that each process uses in a second of having nothing to do.
 *
 * @returns {Promise<Record<string, number>>}
 */
export async function idleUse(processes) {
  await sleep(1_000);
  const before = usage(processes);
  await sleep(IDLE_MS);
  const after = usage(processes);
  return Object.fromEntries(
    Object.keys(processes).map((name) => [name, (after[name] - before[name]) / (IDLE_MS / 1_000)]),
  );
}

/**
 * Runs `work`, which tells how many seconds it took, and tells what each process used, less its `idleUse`.
 *
 * @returns {Promise<{seconds: number, cpu: Record<string, number>, peakMb: Record<string, number>}>}
 */
export async function measured(processes, idle, work) {
  const before = usage(processes);
  const seconds = await work();
  const after = usage(processes);
  const cpu = {};
  const peakMb = {};
  for (const [name, pid] of Object.entries(processes)) {
    cpu[name] = after[name] - before[name] - idle[name] * seconds;
    peakMb[name] = peakMemoryMb(pid);
  }
  return { seconds, cpu, peakMb };
}
