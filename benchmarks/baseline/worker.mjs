/**
 * The baseline's worker, as most teams would write it: one job is one push by @parse/node-apn over one warm
 * connection, so many at a time; outcomes go to MySQL in bulk. `worker.mjs CONCURRENCY`
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../packages/shared/package.json', import.meta.url));
const apn = createRequire(new URL('../../apps/worker/package.json', import.meta.url))('@parse/node-apn');
const { Worker } = require('bullmq');
const { Redis } = require('ioredis');
const ROWS = 1_000;
const FLUSH_MS = 100;
const { BASELINE_MYSQL_URL, BASELINE_REDIS_URL, BASELINE_APNS_PORT, BASELINE_CA_FILE, BASELINE_KEY_FILE } =
  process.env;

const redis = new Redis(BASELINE_REDIS_URL, { maxRetriesPerRequest: null });
const mysql = await require('mysql2/promise').createConnection(BASELINE_MYSQL_URL);
const provider = new apn.Provider({
  token: { key: readFileSync(BASELINE_KEY_FILE), keyId: 'KEYID12345', teamId: 'TEAMID1234' },
  address: 'localhost',
  ca: readFileSync(BASELINE_CA_FILE),
});
provider.client.config.port = Number(BASELINE_APNS_PORT);

async function send({ message, token }) {
  const notification = new apn.Notification({
    alert: message,
    badge: 1,
    sound: 'default',
    topic: 'com.example.app',
  });
  notification.pushType = 'alert';
  const { failed } = await provider.send(notification, token);
  if (failed.length === 0) return { status: 200, reason: '' };
  if (failed[0].status === undefined) throw failed[0].error;
  return { status: failed[0].status, reason: failed[0].response?.reason ?? '' };
}

let outcomes = [];
async function record() {
  const rows = outcomes;
  outcomes = [];
  for (let from = 0; from < rows.length; from += ROWS)
    await mysql.query('INSERT IGNORE INTO push_log (notification_id, token_id, status, reason) VALUES ?', [
      rows.slice(from, from + ROWS),
    ]);
  for (const id of new Set(rows.map(([notificationId]) => notificationId))) {
    const done = await redis.incrby(`baseline:done:${id}`, rows.filter((row) => row[0] === id).length);
    const recipients = await redis.get(`baseline:recipients:${id}`);
    if (recipients !== null && done >= Number(recipients))
      await mysql.query('UPDATE notification SET sent = 1 WHERE id = ?', [id]);
  }
}
async function recordForEver() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, FLUSH_MS));
    if (outcomes.length > 0) await record();
    else await markSent();
  }
}
/** The producer may have counted only after the last outcome was recorded. */
async function markSent() {
  for (const key of await redis.keys('baseline:recipients:*')) {
    const id = key.split(':').at(-1);
    if (Number(await redis.get(`baseline:done:${id}`)) < Number(await redis.get(key))) continue;
    await mysql.query('UPDATE notification SET sent = 1 WHERE id = ?', [id]);
    await redis.del(key, `baseline:done:${id}`);
  }
}

await send({ message: 'warm-up', token: 'ab'.repeat(32) }).catch(() => {});
new Worker(
  'pushes',
  async ({ data }) => {
    const { status, reason } = await send(data);
    outcomes.push([data.notificationId, data.tokenId, status, reason]);
  },
  { connection: redis.duplicate(), concurrency: Number(process.argv[2]) },
);
process.stdout.write('"baseline.ready"\n');
process.once('SIGTERM', () => process.exit(0));
await recordForEver();
