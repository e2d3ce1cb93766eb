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
  const [groups] = await mysql.query(
    'SELECT token_group_id AS id FROM notification_token_group WHERE notification_id = ?',
    [notificationId],
  );
  let recipients = 0;
  // Group by group: ordered over all of them at once, MariaDB sorts the whole audience for each page.
  for (const group of groups) {
    for (let after = 0; ; ) {
      const [tokens] = await mysql.query(
        `SELECT t.id, t.token FROM token_group_token g JOIN token t ON t.id = g.token_id
          WHERE g.token_group_id = ? AND g.token_id > ? AND t.active = 1 ORDER BY g.token_id LIMIT ${PAGE}`,
        [group.id, after],
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
  }
  // Whoever records the last outcome sets `sent`.
  await redis.set(`baseline:recipients:${notificationId}`, recipients);
}
process.exit(0);
