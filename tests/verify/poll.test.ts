import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DueRowClaimer } from '@pushfleet/app-producer/claim-due-rows';
import { countTooOldRows, dueQuery, findRearmedRows } from '@pushfleet/shared/store/due-rows';
import mysql from 'mysql2/promise';
import { utcNow } from '../harness/backend-rows.ts';
import { type Fleet, startFleet } from '../harness/fleet.ts';
import { type PrivateMysql, startPrivateMysql } from '../harness/private-mysql.ts';
import { type OpenProducer, openProducerContext } from '../harness/producer-context.ts';
import { report } from '../harness/report.ts';

const FINISHED = 10_000_000;
const UNSENT = 100_000;
const DISPATCHES = 10_000;
const CHUNK = 1_000_000;
const POLLS = 1_000;
const DAY_MS = 86_400_000;
let server: PrivateMysql;
let fleet: Fleet;
let producer: OpenProducer;

beforeAll(async () => {
  server = await startPrivateMysql(['--innodb-buffer-pool-size=2G', '--innodb-log-file-size=1G']);
  fleet = await startFleet();
  const { database } = fleet;
  const startedAt = performance.now();
  // One every 15 s, the last of them now: about five thousand are in the window, and sent.
  for (let from = 1; from <= FINISHED; from += CHUNK)
    await database.query(
      `INSERT INTO notification (id, message, sent, notificationdate)
       SELECT seq, 'long since sent', 1, UTC_TIMESTAMP() - INTERVAL (${FINISHED} - seq) * 15 SECOND FROM seq_${from}_to_${from + CHUNK - 1}`,
    );
  // Half of them too old, half of them still to come.
  await database.query(
    `INSERT INTO notification (id, message, sent, notificationdate)
     SELECT ${FINISHED} + seq, 'not due', 0,
            IF(seq % 2 = 0, UTC_TIMESTAMP() - INTERVAL (2 * 86400 + seq * 30) SECOND,
                            UTC_TIMESTAMP() + INTERVAL (86400 + seq * 30) SECOND) FROM seq_1_to_${UNSENT}`,
  );
  await database.query(
    `INSERT INTO pushfleet_dispatch (notification_id, round, app, state, nonce, due_wall, due_at, deadline, claimed_at, finished_at, sent_set_at)
     SELECT ${FINISHED - DISPATCHES} + seq, 1, 'default', 'done', '', t.at, t.at, t.at + INTERVAL 1 DAY, t.at, t.at, t.at
       FROM (SELECT seq, UTC_TIMESTAMP() - INTERVAL (${DISPATCHES} - seq) * 15 SECOND AS at FROM seq_1_to_${DISPATCHES}) t`,
  );
  await database.query('ANALYZE TABLE notification, pushfleet_dispatch');
  report('rows', { 'inserted in': `${((performance.now() - startedAt) / 1_000).toFixed(0)} s` });
  producer = await openProducerContext(fleet);
}, 900_000);
afterAll(async () => {
  await producer?.close();
  await fleet?.stop();
  await server?.stop();
}, 120_000);

interface PlanRow {
  readonly table: string;
  readonly type: string;
  readonly key: string | null;
  readonly rows: number;
  readonly Extra: string;
}

function percentile(times: readonly number[], share: number): string {
  const sorted = times.toSorted((one, other) => one - other);
  return `${sorted[Math.ceil(sorted.length * share) - 1]!.toFixed(2)} ms`;
}

test('ten million finished notifications, 100,000 not due, 10,000 dispatches: a poll stays under 10 ms', async () => {
  const window = { from: utcNow(-DAY_MS), to: utcNow() };
  const { sql, values } = dueQuery(producer.store, window, 400, 'oldest');
  const plan = await fleet.database.query<PlanRow>(`EXPLAIN ${mysql.format(sql, values as never)}`);
  report(
    'plan of the poll',
    Object.fromEntries(
      plan.map(({ table, type, key, rows, Extra }) => [table, `${type} by ${key}, ${rows} rows; ${Extra}`]),
    ),
  );
  expect(plan.find(({ table }) => table === 'n')).toMatchObject({
    type: 'range',
    key: 'IDX_NOTIFICATION_DUE',
  });

  // A second of the claimer's clock goes by between two: each fifth looks at the whole window, and for rows sent again.
  let now = Date.now();
  const claimer = new DueRowClaimer(
    producer,
    () => {
      throw new Error('nothing is due');
    },
    () => now,
  );
  const times: number[] = [];
  for (let poll = 0; poll < POLLS; poll++) {
    now += 1_000;
    const begun = performance.now();
    expect(await claimer.look()).toBe(false);
    times.push(performance.now() - begun);
  }
  const timed = async (work: () => Promise<unknown>) => {
    const begun = performance.now();
    await work();
    return `${(performance.now() - begun).toFixed(1)} ms`;
  };
  report(`${POLLS} polls`, {
    median: percentile(times, 0.5),
    '99th percentile': percentile(times, 0.99),
    longest: percentile(times, 1),
    'rows to send again, alone': await timed(() => findRearmedRows(producer.store, window, 400, true)),
    'too old rows, each minute': await timed(() => countTooOldRows(producer.store, window.from, 10_000)),
  });
  expect(Number.parseFloat(percentile(times, 0.99))).toBeLessThan(10);
}, 120_000);
