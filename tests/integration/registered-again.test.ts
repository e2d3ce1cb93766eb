import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { insertNotifications, insertTokens, utcNow } from '../harness/backend-rows.ts';
import { deviceToken, type Fleet, startFleet } from '../harness/fleet.ts';

let fleet: Fleet;

beforeAll(async () => {
  const mapping = join(mkdtempSync(join(tmpdir(), 'pushfleet-')), 'schema.json');
  writeFileSync(mapping, JSON.stringify({ token: { registeredAt: 'registered_at' } }));
  fleet = await startFleet({
    environment: { PUSHFLEET_SCHEMA_FILE: mapping },
    prepare: 'ALTER TABLE token ADD registered_at DATETIME NULL',
  });
  await fleet.startProducer();
  await fleet.startWorker();
});
afterAll(() => fleet?.stop(), 60_000);

test('F16: a device that registered again after APNs found it dead stays active, its twin rows go with a dead one', async () => {
  const { database, simulator } = fleet;
  simulator.script('device * answer 410 Unregistered timestamp -60s');
  await insertTokens(database, [
    { id: 1, deviceToken: deviceToken(1) },
    { id: 2, deviceToken: deviceToken(2) },
    { id: 3, deviceToken: deviceToken(2).toUpperCase() },
  ]);
  await database.query('UPDATE token SET registered_at = ? WHERE id = 1', [utcNow(-10_000)]);
  await database.query('UPDATE token SET registered_at = ? WHERE id IN (2, 3)', [utcNow(-3_600_000)]);
  await insertNotifications(database, [{ id: 1, tokenIds: [1, 2, 3] }]);
  await fleet.ended([1]);
  expect(await fleet.status(1)).toMatchObject({ state: 'done', recipients: 2, retired: 2 });
  let active: unknown[] = [];
  for (let tries = 0; tries < 100 && active.length !== 1; tries++) {
    active = await database.query('SELECT id FROM token WHERE active = 1');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(active).toEqual([{ id: 1 }]);
  const kept = await database.query(
    "SELECT token_id, state FROM pushfleet_retirement WHERE state <> 'applied'",
  );
  expect(kept).toEqual([{ token_id: '1', state: 'kept' }]);
}, 180_000);
