/**
 * From the commit of an urgent notification to its acceptance: idle, and while a broadcast runs on the same two
 * cores; with the producer woken by the library, and left to its poll.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { requireShared, start } from './bench-installation.mjs';
import { insertBroadcast, onInstallation, startFleet, untilSent } from './installation-run.mjs';
import { table } from './report.mjs';

const SIZE = 1_000_000;
const WARM_UP = 20_000;
const SAMPLES = 200;
const IDLE_SAMPLES = 100;
const EVERY_MS = 40;
/** Woken and polled take turns, since a wake finds polled rows too; between them all is accepted. */
const TURN = 25;
const REST_MS = 400;
const LIMITED_RATE = 15_000;
const LONGEST_MS = 30_000;
const MOST_WOKEN_MS = 100;
const MOST_POLLED_MS = 500;
/** Above all ids of the backend's table. */
const FIRST_ID = 1_000_000;

export const title = 'Urgent pushes';

/** @returns {Promise<{text: string[], figures: object}>} */
export async function measure(
  say,
  { size = SIZE, sizes: [, given] = [], samples = given ?? SAMPLES, shared } = {},
) {
  return onInstallation(shared, [size, WARM_UP], say, async (installation) => {
    const { mysql, groups, environment } = installation;
    await mysql.query("SET time_zone = '+00:00'");
    await mysql.query('CREATE INDEX IDX_TOKEN_TOKEN ON token (token)');
    const sender = await openSender(installation, size);
    const fleet = await startFleet(installation, { session: 'native' });
    try {
      await untilSent(mysql, [await insertBroadcast(mysql, groups.get(WARM_UP))]);
      const cells = [];
      const cell = async (situation, samples, goesOn) => {
        for (const found of await takeTurns(mysql, sender, samples, goesOn)) {
          cells.push({ situation, ...found });
          say(
            `  ${situation}, ${found.how}: p50 ${found.p50} ms, p99 ${found.p99} ms, max ${found.max} ms; ${found.stages.map(({ p50, p99 }) => `${p50}/${p99}`).join(' ')}`,
          );
        }
      };
      await cell('idle', Math.min(samples, IDLE_SAMPLES), async () => true);
      for (const [situation, rate] of [
        ['broadcast, no limit of rate', 'off'],
        [`broadcast at ${LIMITED_RATE.toLocaleString('en')} a second`, String(LIMITED_RATE)],
      ]) {
        await setRate(environment, rate);
        const id = await insertBroadcast(mysql, groups.get(size));
        await cell(situation, samples, async () => !(await isSent(mysql, id)));
        if (rate === 'off') await untilSent(mysql, [id]);
      }
      return section(size, samples, cells);
    } finally {
      await fleet.stop();
      await sender.close();
    }
  });
}

/** What a backend does: its own connection, and the library. */
async function openSender({ environment, mysql, redisUrl }, size) {
  const { createProducer } = await import('../packages/producer/dist/index.js');
  const connection = await requireShared('mysql2/promise').createConnection(environment.PUSHFLEET_MYSQL_URL);
  await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
  const library = createProducer({ mysql: environment.PUSHFLEET_MYSQL_URL, redis: redisUrl });
  const [devices] = await mysql.query('SELECT id, token FROM token ORDER BY id DESC LIMIT ?', [
    Math.min(size, 1_000),
  ]);
  let nextId = FIRST_ID;
  const device = () => devices[nextId % devices.length];
  return {
    /** @returns {Promise<{id: number, at: number}>} `at`: when COMMIT was sent */
    async woken() {
      await connection.beginTransaction();
      const { id, wake } = await library.enqueue(
        { message: 'Urgent', id: ++nextId, deviceTokens: [device().token] },
        { connection },
      );
      const at = Date.now();
      await connection.commit();
      await wake();
      return { id: Number(id), at };
    },
    async polled() {
      const id = ++nextId;
      await connection.beginTransaction();
      await connection.query(
        "INSERT INTO notification (id, message, sent, notificationdate) VALUES (?, 'Urgent', 0, UTC_TIMESTAMP())",
        [id],
      );
      await connection.query('INSERT INTO notification_token VALUES (?, ?)', [id, device().id]);
      const at = Date.now();
      await connection.commit();
      return { id, at };
    },
    async close() {
      await library.close();
      await connection.end();
    },
  };
}

/** Until each has its samples, the time is up or the broadcast has ended. */
async function takeTurns(mysql, sender, samples, goesOn) {
  const taken = { woken: [], polled: [] };
  const startedAt = performance.now();
  while (taken.woken.length < samples && performance.now() - startedAt < LONGEST_MS) {
    const woken = await takeTurn(sender.woken);
    const polled = await takeTurn(sender.polled);
    if (!(await goesOn())) break; // these were perhaps not beside a broadcast any more
    taken.woken.push(...woken);
    taken.polled.push(...polled);
  }
  if (taken.woken.length === 0)
    throw new Error('the broadcast ended within the first turn: take a larger one');
  const found = [];
  for (const how of ['woken', 'polled']) found.push({ how, ...(await waits(mysql, taken[how])) });
  return found;
}

async function takeTurn(send) {
  const sent = [];
  for (let i = 0; i < TURN; i++) {
    const before = performance.now();
    sent.push(await send());
    await sleep(Math.max(1, EVERY_MS * (0.5 + Math.random()) - (performance.now() - before)));
  }
  await sleep(REST_MS);
  return sent;
}

/** What a notification passes, and the column that says when it had. */
const STAGES = [
  ['claimed', 'd.claimed_at'],
  ['planned', 'd.planned_at'],
  ['queued', 'b.queued_at'],
  ['accepted', 'b.first_accepted_at'],
];

async function waits(mysql, sent) {
  const times = new Map();
  for (let tries = 0; times.size < sent.length && tries < 50; tries++) {
    if (tries > 0) await sleep(200);
    const [rows] = await mysql.query({
      sql: `SELECT d.notification_id, ${STAGES.map(([, column]) => `UNIX_TIMESTAMP(${column}) * 1000`).join()}
         FROM pushfleet_dispatch d JOIN pushfleet_batch b ON b.dispatch_id = d.id
        WHERE d.notification_id IN (?) AND b.first_accepted_at IS NOT NULL`,
      values: [sent.map(({ id }) => id)],
      rowsAsArray: true,
    });
    for (const [id, ...stages] of rows) times.set(Number(id), stages.map(Number));
  }
  if (times.size < sent.length)
    throw new Error(`${sent.length - times.size} urgent pushes were not accepted in time`);
  const all = spread(sent.map(({ id, at }) => times.get(id).at(-1) - at));
  const stages = STAGES.map((_, i) =>
    spread(sent.map(({ id, at }) => times.get(id)[i] - (i === 0 ? at : times.get(id)[i - 1]))),
  );
  return { samples: sent.length, ...all, stages };
}

function spread(times) {
  const ms = times.map(Math.round).sort((a, b) => a - b);
  const at = (share) => ms[Math.ceil(ms.length * share) - 1];
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

async function isSent(mysql, id) {
  const [[{ sent }]] = await mysql.query('SELECT sent FROM notification WHERE id = ?', [id]);
  return sent === 1;
}

async function setRate(environment, rate) {
  const command = await start(['rate', rate], environment, null, []);
  if ((await command.exited) !== 0) throw new Error(`the rate was not set:\n${command.output()}`);
}

function section(size, samples, cells) {
  const during = (how) =>
    Math.max(...cells.filter((c) => c.how === how && c.situation !== 'idle').map((c) => c.p99));
  return {
    figures: { cells, wokenP99Ms: during('woken'), polledP99Ms: during('polled') },
    text: [
      `Notifications to one device each, one about every ${EVERY_MS} ms, from the moment the backend sends COMMIT until APNs' answer (\`first_accepted_at\`): woken by the library, or found by the poll (each 250 ms). Idle, and while a broadcast to ${size.toLocaleString('en')} recipients is planned and sent by the native session: as fast as it goes, so that both cores are busy, and at ${LIMITED_RATE.toLocaleString('en')} a second. MariaDB, Redis, producer, one worker, the simulator and this measurement share the machine.`,
      '',
      ...table(
        ['', 'samples', 'p50', 'p99', 'longest'],
        cells.map((c) => [
          `${c.situation}, ${c.how}`,
          String(c.samples),
          ...[c.p50, c.p99, c.max].map((ms) => `${ms} ms`),
        ]),
      ),
      '',
      'Where that time goes, p50 and p99 of each step in milliseconds; `queued` is when the batch is marked so, just before it is added.',
      '',
      ...table(
        ['', ...STAGES.map(([name]) => `to ${name}`)],
        cells.map((c) => [`${c.situation}, ${c.how}`, ...c.stages.map(({ p50, p99 }) => `${p50} / ${p99}`)]),
      ),
      '',
      `Wanted while a broadcast runs: p99 of ${MOST_WOKEN_MS} ms woken, ${MOST_POLLED_MS} ms polled. ${samples} samples of each are taken while it runs, in turns of ${TURN}; a broadcast that ends sooner leaves fewer.`,
    ],
  };
}
