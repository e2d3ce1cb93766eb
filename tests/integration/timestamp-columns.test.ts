import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DueRowClaimer } from '@pushfleet/app-producer/claim-due-rows';
import { DispatchCompleter } from '@pushfleet/app-producer/complete-dispatches';
import { AudiencePlanner } from '@pushfleet/app-producer/plan-audiences';
import { type Fleet, startFleet } from '../harness/fleet.ts';
import { openProducerContext } from '../harness/producer-context.ts';

// A TIMESTAMP column is UTC whatever PUSHFLEET_TIMEZONE says; a DATETIME beside it is wall time.
let fleet: Fleet;

beforeAll(async () => {
  fleet = await startFleet();
  await fleet.database.query(
    'ALTER TABLE notification ADD expires TIMESTAMP NULL, ADD done_at TIMESTAMP(3) NULL, ADD unix_due INT NULL',
  );
  await fleet.database.query("SET time_zone = '+00:00'");
}, 180_000);
afterAll(() => fleet?.stop(), 60_000);

function settings(notification: Record<string, string>) {
  const file = join(mkdtempSync(join(tmpdir(), 'pushfleet-schema-')), 'schema.json');
  writeFileSync(file, JSON.stringify({ notification }));
  return { PUSHFLEET_SCHEMA_FILE: file, PUSHFLEET_TIMEZONE: 'Asia/Tokyo' };
}

test('expiry and sent-at of type TIMESTAMP are read and written in UTC', async () => {
  await fleet.database.query(
    `INSERT INTO notification (id, message, sent, notificationdate, expires)
     VALUES (1, 'hello', 0, UTC_TIMESTAMP() + INTERVAL 9 HOUR, UTC_TIMESTAMP() + INTERVAL 3 HOUR)`,
  );
  const producer = await openProducerContext(fleet, settings({ expiry: 'expires', sentAt: 'done_at' }));
  try {
    await new DueRowClaimer(producer, () => {}).look();
    await fleet.database.query('UPDATE pushfleet_dispatch SET claimed_at = claimed_at - INTERVAL 1 MINUTE');
    await new AudiencePlanner(producer, () => {}).look();
    await new DispatchCompleter(producer).look();
  } finally {
    await producer.close();
  }
  const [row] = await fleet.database.query(
    `SELECT d.state, n.sent, TIMESTAMPDIFF(SECOND, n.expires, d.deadline) AS deadlineOff,
            ABS(TIMESTAMPDIFF(SECOND, n.done_at, UTC_TIMESTAMP())) < 60 AS sentAtIsNow
       FROM pushfleet_dispatch d JOIN notification n ON n.id = d.notification_id`,
  );
  expect(row).toEqual({ state: 'done', sent: 1, deadlineOff: 0, sentAtIsNow: 1 });
});

test('a due time that is a number is refused with a sentence', async () => {
  await expect(openProducerContext(fleet, settings({ due: 'unix_due' }))).rejects.toThrow(
    /notification\.unix_due is of type int.*DATETIME or TIMESTAMP/,
  );
});
