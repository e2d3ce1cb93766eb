import { setTimeout as sleep } from 'node:timers/promises';
import { Installation } from '../chaos/installation.mjs';
import { apnsScript, arrivals, DEVICES, isGoAway, planGroups, RATE_PER_SECOND } from './arrivals.mjs';
import { EndedJudge } from './judge-ended.mjs';
import { sample } from './samples.mjs';
import { compareFifths, printTable } from './steady.mjs';

const SAMPLE_EVERY_S = 10;
const SCRIPT_EVERY_S = 15;
/** Device tokens that were switched off are registered again, as an app does when it starts. */
const REGISTER_EVERY_S = 30;
const SETTLE_MS = 120_000;

/** Short enough for old rows to go many times in a run. */
const SETTINGS = { PUSHFLEET_MAX_AGE: '60s', PUSHFLEET_RETENTION: '120s' };

/**
 * One run.
 *
 * @param {{ seed: number, seconds: number, keep: boolean }} options
 * @param {(line: string) => void} say
 * @returns {Promise<boolean>} whether nothing grew and nobody was lost
 */
export async function runSoak(options, say) {
  const { seed, seconds } = options;
  const installation = await Installation.start({
    seed,
    devices: DEVICES,
    groups: planGroups(),
    ratePerSecond: RATE_PER_SECOND,
    environment: SETTINGS,
  });
  const interrupted = () => void installation.stop({ keep: true }).finally(() => process.exit(1));
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  let good = false;
  try {
    say(`seed ${seed}, ${seconds} s; logs in ${installation.directory}`);
    const processes = await startFleet(installation);
    const judge = new EndedJudge(installation);
    const samples = await work(installation, processes, judge, options, say);
    const ended = await settle(judge);
    if (!ended) say(`open: ${judge.openIds.join(', ')}`);
    const exits = await installation.stopFleet();
    judge.finish();
    good = report({ installation, judge, samples, ended, exits, seconds }, say);
  } finally {
    const keep = options.keep || !good;
    await installation.stop({ keep });
    if (keep) say(`logs and data: ${installation.directory}`);
  }
  return good;
}

async function startFleet(installation) {
  const { findFreePort } = await import('@pushfleet/local-servers/free-port');
  const ports = new Map();
  for (const name of ['producer 1', 'worker 1', 'worker 2']) ports.set(name, await findFreePort());
  const settings = (name) => ({ PUSHFLEET_HTTP_PORT: String(ports.get(name)) });
  await installation.startFleet({ producers: 1, workers: 2, settings });
  return [...installation.producers, ...installation.workers].map(({ name, pid }) => ({
    name,
    pid,
    metricsPort: ports.get(name),
  }));
}

/** Notifications arrive second by second; what it costs is looked at beside it. */
async function work(installation, processes, judge, { seed, seconds }, say) {
  const { Redis } = await import('ioredis');
  const redis = new Redis(installation.redis.url);
  const next = arrivals(seed);
  const samples = [];
  const startedAt = Date.now();
  for (let second = 0; second < seconds; second++) {
    await sleep(Math.max(0, startedAt + second * 1_000 - Date.now()));
    if (second % SCRIPT_EVERY_S === 0) installation.simulator.script(apnsScript(second / SCRIPT_EVERY_S));
    if (isGoAway(second)) installation.simulator.goAway();
    if (second % REGISTER_EVERY_S === 0)
      await installation.rows('UPDATE token SET active = 1 WHERE active = 0');
    const notifications = next(second);
    await insert(installation, notifications);
    judge.inserted(notifications);
    await judge.look();
    if (second % SAMPLE_EVERY_S !== 0) continue;
    const figures = await sample(installation, processes, redis);
    samples.push({ second, figures });
    if (second % 60 === 0) sayProgress(second, installation, judge, figures, say);
  }
  redis.disconnect();
  return samples;
}

async function insert(installation, notifications) {
  if (notifications.length === 0) return;
  const connection = await installation.pool.getConnection();
  try {
    await connection.query('START TRANSACTION');
    await connection.query(
      `INSERT INTO notification (id, message, sent, notificationdate) VALUES ${notifications.map(() => '(?, ?, 0, UTC_TIMESTAMP())').join(', ')}`,
      notifications.flatMap(({ id }) => [id, `message ${id % 100}`]),
    );
    for (const [table, column, idsOf] of [
      ['notification_token', 'token_id', ({ tokenIds }) => tokenIds],
      ['notification_token_group', 'token_group_id', ({ groupIds }) => groupIds],
      ['pushfleet_request', 'options', ({ options }) => (options === null ? [] : [JSON.stringify(options)])],
    ]) {
      const rows = notifications.flatMap((one) => idsOf(one).map((value) => [one.id, value]));
      if (rows.length > 0)
        await connection.query(`INSERT INTO ${table} (notification_id, ${column}) VALUES ?`, [rows]);
    }
    await connection.query('COMMIT');
  } finally {
    connection.release();
  }
}

async function settle(judge) {
  for (const until = Date.now() + SETTLE_MS; judge.open > 0; await sleep(250)) {
    if (Date.now() > until) return false;
    await judge.look();
  }
  return true;
}

function sayProgress(second, { simulator }, { open, recipients, lost }, figures, say) {
  const memory = ['producer 1', 'worker 1', 'worker 2'].map((name) => figures[`${name} RSS MB`].toFixed(0));
  say(
    `${String(second).padStart(5)} s  ${simulator.acceptedCount()} accepted, ${recipients} settled, ${open} notifications open, ` +
      `${lost} lost; RSS ${memory.join(', ')} MB; Redis ${figures['Redis memory MB'].toFixed(1)} MB, ${figures['Redis keys']} keys`,
  );
}

function report({ installation, judge, samples, ended, exits, seconds }, say) {
  const { simulator, workers, producers } = installation;
  const rows = compareFifths(samples, seconds);
  printTable(rows, say);
  say(`recipients  ${judge.recipients}`);
  say(
    `simulator   ${simulator.requestCount()} requests, ${simulator.acceptedCount()} accepted, ` +
      `${(simulator.requestCount() / seconds).toFixed(0)} a second, ${simulator.connects()} connections`,
  );
  for (const [answer, count] of Object.entries(simulator.answers())) say(`            ${count} × ${answer}`);
  say(`lost        ${judge.lost}`);
  say(`duplicates  ${judge.duplicates}`);
  const faults = [...judge.faults];
  if (!ended) faults.push(`${judge.open} notifications have not ended`);
  for (const { name, unasked } of [...workers, ...producers])
    for (const { code, signal } of unasked) faults.push(`${name} ended by itself with ${code ?? signal}`);
  for (const exit of exits) if (exit !== 0) faults.push(`a process ended with ${exit} when asked to stop`);
  for (const { name, grew } of rows) if (grew) faults.push(`${name} grew`);
  for (const text of faults) say(`fault       ${text}`);
  const good = faults.length === 0 && judge.lost === 0 && judge.duplicates === 0;
  say(good ? 'everything is where it began, and nobody was lost' : 'A PROMISE WAS BROKEN');
  return good;
}
