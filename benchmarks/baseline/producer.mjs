/**
 * The baseline's producer, as most teams would write it: pages through the audience of one notification and
 * adds one BullMQ job for each device, a thousand in one go. `producer.mjs NOTIFICATION-ID`
 */
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../packages/shared/package.json', import.meta.url));
const { Queue } = require('bullmq');
const { Redis } = require('ioredis');
const PAGE = 1_000;
const { BASELINE_MYSQL_URL, BASELINE_REDIS_URL } = process.env;

const redis = new Redis(BASELINE_REDIS_URL, { maxRetriesPerRequest: null });
const queue = new Queue('pushes', { connection: redis });
const mysql = await require('mysql2/promise').createConnection(BASELINE_MYSQL_URL);
process.stdout.write('"baseline.ready"\n');

for await (const line of process.stdin) {
  const notificationId = Number(line);
  const [[{ message }]] = await mysql.query('SELECT message FROM notification WHERE id = ?', [
    notificationId,
  ]);
  let after = 0;
  let recipients = 0;
  for (;;) {
    const [tokens] = await mysql.query(
      `SELECT t.id, t.token FROM notification_token_group n
         JOIN token_group_token g ON g.token_group_id = n.token_group_id
         JOIN token t ON t.id = g.token_id
        WHERE n.notification_id = ? AND t.active = 1 AND t.id > ? ORDER BY t.id LIMIT ${PAGE}`,
      [notificationId, after],
    );
    if (tokens.length === 0) break;
    await queue.addBulk(
      tokens.map(({ id, token }) => ({
        name: 'push',
        data: { notificationId, tokenId: id, token, message },
        opts: { removeOnComplete: true, attempts: 3, backoff: { type: 'exponential', delay: 1_000 } },
      })),
    );
    recipients += tokens.length;
    after = tokens.at(-1).id;
  }
  // Whoever records the last outcome sets `sent`.
  await redis.set(`baseline:recipients:${notificationId}`, recipients);
}
process.exit(0);
