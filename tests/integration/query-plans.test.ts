import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { loadProducerConfig } from '@pushfleet/app-producer/producer-config';
import { audiencePageQuery } from '@pushfleet/shared/store/audience';
import { activeDeviceTokensQuery } from '@pushfleet/shared/store/device-token-rows';
import { dueQuery } from '@pushfleet/shared/store/due-rows';
import { type OpenStore, openStore } from '@pushfleet/shared/store/open-store';
import mysql from 'mysql2/promise';
import { insertGroup, insertNotifications, insertTokens, range, utcNow } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';

let fleet: Fleet;
let store: OpenStore;

beforeAll(async () => {
  fleet = await startFleet();
  store = await openStore(loadProducerConfig(fleet.environment));
  const { database } = fleet;
  await insertTokens(
    database,
    range(1, 20_000).map((id) => ({ id, deviceToken: deviceToken(id) })),
  );
  await insertGroup(database, 1, range(1, 15_000));
  await insertGroup(database, 2, range(5_000, 20_000));
  const old = utcNow(-40 * 86_400_000);
  await insertNotifications(
    database,
    range(1, 10_000).map((id) => ({ id, due: old })),
  );
  await insertNotifications(database, [{ id: 20_001, groupIds: [1, 2], tokenIds: range(1, 2_000) }]);
  await database.query('UPDATE notification SET sent = 1 WHERE id <= 9000');
  await database.query(
    'ANALYZE TABLE token, notification, notification_token, token_group_token, pushfleet_dispatch',
  );
}, 180_000);
afterAll(async () => {
  await store?.close();
  await fleet?.stop();
}, 180_000);

async function planOf({ sql, values }: { sql: string; values: readonly unknown[] }) {
  return fleet.database.query<{ table: string; type: string; key: string | null; rows: number | null }>(
    `EXPLAIN ${mysql.format(sql, values as never)}`,
  );
}

test('F21: the query for due rows walks the index on sent and due time, not the old rows', async () => {
  const plan = await planOf(
    dueQuery(store, { from: utcNow(-86_400_000), to: utcNow(60_000) }, 400, 'oldest'),
  );
  const notification = plan.find(({ table }) => table === 'n')!;
  expect([notification.type, notification.key]).toEqual(['range', 'IDX_NOTIFICATION_DUE']);
  expect(Number(notification.rows)).toBeLessThan(100);
  const dispatch = plan.find(({ table }) => table === 'd')!;
  expect(['ref', 'eq_ref']).toContain(dispatch.type);
});

test('a page of an audience reads each join table by its index from the cursor on, and tokens by their key', async () => {
  const filter = { app: 'default', topic: '', environment: '' };
  const plan = await planOf(
    audiencePageQuery(store, { directOf: '20001', groupIds: ['1', '2'] }, '6000', 5_000, filter),
  );
  const reads = plan.filter(({ table }) => table !== null && !table.startsWith('<'));
  expect(reads.map(({ table }) => table).sort()).toEqual(
    ['notification_token', 't', 'token_group_token', 'token_group_token'].sort(),
  );
  for (const { type, key } of reads) {
    expect(['range', 'ref', 'eq_ref']).toContain(type);
    expect(key).not.toBeNull();
  }
});

test('without the index on the due query the producer starts, says so, and prints the statement that mends it', async () => {
  await fleet.database.query('DROP INDEX IDX_NOTIFICATION_DUE ON notification');
  const producer = await fleet.startProducer();
  const statement = 'CREATE INDEX pushfleet_due ON `notification` (`sent`, `notificationdate`);';
  expect(producer.output()).toContain('"database.indexMissing"');
  expect(producer.output()).toContain(statement);
  await producer.stop();
  await fleet.database.query(statement);
  const again = await fleet.startProducer();
  expect(again.output()).not.toContain('indexMissing');
}, 180_000);

test('device tokens of batches are read by their key, neighbours as a range, and no others', async () => {
  const neighbours = range(2_001, 2_500).map(String);
  const scattered = range(1, 500).map((id) => String(id * 30));
  const plan = await planOf(activeDeviceTokensQuery(store, [neighbours, scattered])!);
  expect(plan.map(({ table, type, key }) => [table, type, key])).toEqual([['t', 'range', 'PRIMARY']]);
  expect(Number(plan[0]!.rows)).toBeLessThan(1_500);
});
