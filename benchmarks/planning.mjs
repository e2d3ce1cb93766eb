/**
 * What planning an audience costs the producer, also where groups overlap or device tokens are stored twice; and
 * what looking for due rows costs when the table is full of old ones.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { requireShared, start } from './bench-installation.mjs';
import { idleUse, withInstallation } from './installation-run.mjs';
import { usage } from './processes.mjs';
import { table } from './report.mjs';

const SIZE = 300_000;
const OLD_ROWS = 10_000_000;
const FEW_ROWS = 10_000;
const POLLS = 300;
const CHUNK = 1_000_000;
const SECONDS_BETWEEN = 15;
const LONGEST_MS = 60_000;
const DAY_MS = 86_400_000;

export const title = 'Planning, and looking for due rows';

/** @returns {Promise<{text: string[], figures: object}>} */
export async function measure(say, { size = SIZE, oldRows = OLD_ROWS, sizes: [, given] = [] } = {}) {
  return withInstallation(1, say, async (installation) => {
    await prepare(installation.mysql);
    const plans = await measurePlans(installation, size, say);
    const polls = await measurePolls(installation, given ?? oldRows, say);
    return section(size, plans, polls);
  });
}

/** Numbers from 0 to 999, as MySQL has no tables of them. */
async function prepare(mysql) {
  await mysql.query("SET time_zone = '+00:00', unique_checks = 0, foreign_key_checks = 0");
  await mysql.query('CREATE TABLE thousand (n INT PRIMARY KEY)');
  await mysql.query('INSERT INTO thousand VALUES ?', [Array.from({ length: 1_000 }, (_, n) => [n])]);
}

/** `seq` from `from` to `to`, a million of them at most. */
function numbers(from, to) {
  return `(SELECT ${from} + a.n * 1000 + b.n AS seq FROM thousand a CROSS JOIN thousand b
            WHERE a.n * 1000 + b.n <= ${to - from}) numbers`;
}

async function measurePlans(installation, size, say) {
  const { mysql } = installation;
  const quarter = Math.floor(size / 4);
  await mysql.query('DELETE FROM token_group_token; DELETE FROM token');
  for (let from = 1; from <= size; from += CHUNK)
    await mysql.query(
      `INSERT INTO token SELECT seq, LOWER(CONCAT(MD5(seq), MD5(-seq))), 1 FROM ${numbers(from, Math.min(size, from + CHUNK - 1))} ORDER BY seq`,
    );
  // The same device tokens as other rows have, spelt in another way.
  await mysql.query(
    `INSERT INTO token SELECT id + ${size}, UPPER(token), 1 FROM token WHERE id <= ${quarter} ORDER BY id`,
  );
  const audiences = [
    { name: 'one group', groups: [`id <= ${size}`] },
    {
      name: 'three groups, half of all in two of them',
      groups: [0, 1, 2].map((g) => `id <= ${size} AND id % 4 IN (${[g, g + 1].join()})`),
    },
    { name: 'one group, a fifth of its rows repeat the string of another', groups: ['1'] },
  ];
  let group = 10;
  for (const audience of audiences) {
    audience.ids = audience.groups.map(() => group++);
    for (const [i, id] of audience.ids.entries()) {
      await mysql.query('INSERT INTO token_group (id, name) VALUES (?, ?)', [id, `group ${id}`]);
      await mysql.query(
        `INSERT INTO token_group_token SELECT ${id}, id FROM token WHERE ${audience.groups[i]} ORDER BY id`,
      );
    }
  }
  await mysql.query('ANALYZE TABLE token, token_group_token');
  const stops = [];
  try {
    // No worker: what is planned stays in MySQL, but for the little that the high-water mark lets into Redis.
    const producer = await start(['producer'], installation.environment, '"producer.started"', stops);
    const processes = { producer: producer.pid, mysql: installation.pids.mysql };
    const idle = await idleUse(processes);
    const rows = [];
    await plan(installation, processes, idle, audiences[0].ids); // warms up
    for (const { name, ids } of audiences) {
      const row = { name, ...(await plan(installation, processes, idle, ids)) };
      rows.push(row);
      say(
        `  ${name}: ${Math.round(row.perSecond)} a second, producer ${row.producer.toFixed(2)} µs, MariaDB ${row.mysql.toFixed(2)} µs`,
      );
    }
    return rows;
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

let lastId = 0;

async function plan({ mysql }, processes, idle, groups) {
  const before = usage(processes);
  const startedAt = performance.now();
  const id = ++lastId;
  await mysql.query('START TRANSACTION');
  await mysql.query(
    "INSERT INTO notification (id, message, sent, notificationdate) VALUES (?, 'Planned', 0, UTC_TIMESTAMP())",
    [id],
  );
  await mysql.query('INSERT INTO notification_token_group VALUES ?', [groups.map((group) => [id, group])]);
  await mysql.query('COMMIT');
  for (;;) {
    const [[dispatch]] = await mysql.query(
      'SELECT recipients, planned_at AS plannedAt FROM pushfleet_dispatch WHERE notification_id = ?',
      [id],
    );
    const seconds = (performance.now() - startedAt) / 1_000;
    if (seconds * 1_000 > LONGEST_MS) throw new Error('the planning did not end in time');
    if (dispatch?.plannedAt) {
      const after = usage(processes);
      const recipients = Number(dispatch.recipients);
      const cost = (name) => ((after[name] - before[name] - idle[name] * seconds) / recipients) * 1e6;
      return {
        recipients,
        perSecond: recipients / seconds,
        producer: cost('producer'),
        mysql: cost('mysql'),
      };
    }
    await sleep(20);
  }
}

async function measurePolls(installation, oldRows, say) {
  const { mysql, environment } = installation;
  const { loadProducerConfig } = await import('../apps/producer/dist/producer-config.js');
  const { openProducer } = await import('../apps/producer/dist/start-up.js');
  const { dueQuery } = await import('../packages/shared/dist/store/due-rows.js');
  const { pino } = requireShared('pino');
  const context = await openProducer(loadProducerConfig(environment), pino({ level: 'silent' }));
  const { store } = context;
  try {
    await mysql.query('DELETE FROM notification_token_group; UPDATE notification SET sent = 1');
    const rows = [];
    for (const count of [FEW_ROWS, oldRows]) {
      await mysql.query('TRUNCATE TABLE notification');
      const startedAt = performance.now();
      await insertOldRows(installation, count);
      const window = { from: wallTime(-DAY_MS), to: wallTime(0) };
      const { sql, values } = dueQuery(store, window, 400, 'oldest');
      const ms = [];
      for (let i = 0; i < POLLS; i++) {
        const begun = performance.now();
        await store.database.arrays(sql, values);
        ms.push(performance.now() - begun);
      }
      ms.sort((a, b) => a - b);
      const read = await rowsRead(mysql, sql, values);
      rows.push({ count, p50: ms[Math.ceil(POLLS * 0.5) - 1], p99: ms[Math.ceil(POLLS * 0.99) - 1], read });
      say(
        `  ${count.toLocaleString('en')} old rows (inserted in ${((performance.now() - startedAt) / 1_000).toFixed(0)} s): p50 ${rows.at(-1).p50.toFixed(2)} ms, ${read} rows read`,
      );
    }
    return rows;
  } finally {
    for (const { lanes, results } of context.queues)
      for (const queue of [lanes.urgent, lanes.bulk, results]) await queue.close();
    context.redis.disconnect();
    await store.database.close();
  }
}

/** One every 15 s, the last of them now, sent; one in a hundred never was, and is too old by now. */
async function insertOldRows({ mysql, environment }, count) {
  // An INSERT … SELECT into a table that numbers its rows lets no other in beside it, and a connection uses one core.
  await mysql.query('ALTER TABLE notification MODIFY id INT NOT NULL, DROP INDEX IDX_NOTIFICATION_DUE');
  const half = Math.ceil(count / 2);
  await Promise.all([
    insertOldRowsBetween(environment, count, 1, half),
    insertOldRowsBetween(environment, count, half + 1, count),
  ]);
  await mysql.query('CREATE INDEX IDX_NOTIFICATION_DUE ON notification (sent, notificationdate)');
  await mysql.query('ANALYZE TABLE notification');
}

async function insertOldRowsBetween({ PUSHFLEET_MYSQL_URL }, count, first, last) {
  const connection = await requireShared('mysql2/promise').createConnection(PUSHFLEET_MYSQL_URL);
  await connection.query("SET time_zone = '+00:00', unique_checks = 0, foreign_key_checks = 0");
  for (let from = first; from <= last; from += CHUNK)
    await connection.query(
      `INSERT INTO notification (id, message, sent, notificationdate)
       SELECT seq, 'long since sent', IF(seq % 100 = 0 AND (${count} - seq) * ${SECONDS_BETWEEN} > 172800, 0, 1),
              UTC_TIMESTAMP() - INTERVAL (${count} - seq) * ${SECONDS_BETWEEN} SECOND
         FROM ${numbers(from, Math.min(last, from + CHUNK - 1))} ORDER BY seq`,
    );
  await connection.end();
}

/** What the server's handlers read for one poll. */
async function rowsRead(mysql, sql, values) {
  const handlers = async () => {
    const [rows] = await mysql.query("SHOW SESSION STATUS LIKE 'Handler_read%'");
    return rows.reduce((sum, { Value }) => sum + Number(Value), 0);
  };
  const before = await handlers();
  const counting = (await handlers()) - before;
  const start = await handlers();
  await mysql.query(sql, values);
  return (await handlers()) - start - counting;
}

function wallTime(fromNowMs) {
  return new Date(Date.now() + fromNowMs).toISOString().slice(0, 19).replace('T', ' ');
}

function section(size, plans, polls) {
  return {
    figures: { plans, polls },
    text: [
      `Planning: from the row's insert until the whole audience of ${size.toLocaleString('en')} stands in \`pushfleet_batch\`, by one producer, without a worker. Processor time for a recipient, less what is used when idle. Repeated device tokens are found and left out.`,
      '',
      ...table(
        ['audience', 'recipients', 'a second', 'producer', 'MariaDB'],
        plans.map((row) => [
          row.name,
          row.recipients.toLocaleString('en'),
          Math.round(row.perSecond).toLocaleString('en'),
          `${row.producer.toFixed(2)} µs`,
          `${row.mysql.toFixed(2)} µs`,
        ]),
      ),
      '',
      'One look for due rows, nothing being due: old rows are all sent, but for one in a hundred that is too old. Rows read: by the handlers of MariaDB for one such statement.',
      '',
      ...table(
        ['old rows', 'p50', 'p99', 'rows read'],
        polls.map(({ count, p50, p99, read }) => [
          count.toLocaleString('en'),
          `${p50.toFixed(2)} ms`,
          `${p99.toFixed(2)} ms`,
          String(read),
        ]),
      ),
    ],
  };
}
