import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { REASON_POLICIES } from '@pushfleet/shared/domain/apns-answer';
import { insertNotifications, insertTokens } from '../harness/backend-rows.ts';
import { type Fleet, startFleet } from '../harness/fleet.ts';

let fleet: Fleet;

beforeAll(async () => {
  fleet = await startFleet({
    environment: { PUSHFLEET_RETRY_DELAYS: '200ms', PUSHFLEET_MAX_ATTEMPTS: '3' },
  });
  await fleet.startProducer();
  await fleet.startWorker();
});
afterAll(() => fleet?.stop(), 60_000);

const reasons = [...REASON_POLICIES];
/** A device token for each reason, by its number in the table. */
const tokenOf = (i: number) => (0xa0 + i).toString(16).padEnd(64, '0');

/** Reasons that say "our credential" or "this connection" are told once, then the push is accepted. */
const isOnce = (verdict: string) => verdict === 'resend' || verdict === 'stop';

test('each answer of the table ends in the outcome that the table says, and a final one is not asked twice', async () => {
  const { database, simulator } = fleet;
  simulator.script(
    reasons
      .map(([reason, { status, verdict }], i) => {
        const timestamp = status === 410 ? ' timestamp -60s' : '';
        return `device ${tokenOf(i).slice(0, 4)}* answer ${status} ${reason}${timestamp}${isOnce(verdict) ? ' times 1' : ''}`;
      })
      .join('\n'),
  );
  await insertTokens(
    database,
    reasons.map((_, i) => ({ id: i + 1, deviceToken: tokenOf(i) })),
  );
  await insertNotifications(
    database,
    reasons.map(([reason], i) => ({ id: i + 1, message: reason, tokenIds: [i + 1] })),
  );
  await fleet.ended(
    reasons.map((_, i) => i + 1),
    120_000,
  );

  for (const [i, [reason, { verdict }]] of reasons.entries()) {
    const outcome = isOnce(verdict) ? 'accepted' : verdict === 'retry' ? 'failed' : verdict;
    const status = await fleet.status(i + 1);
    expect([reason, status[outcome as 'accepted'], status.recipients]).toEqual([reason, 1, 1]);
    expect([reason, Object.keys(status.reasons)]).toEqual([reason, outcome === 'accepted' ? [] : [reason]]);
    const asked = simulator.requests().filter((request) => request.deviceToken === tokenOf(i)).length;
    const expected = isOnce(verdict) ? 2 : verdict === 'retry' ? 3 : 1;
    expect([reason, asked]).toEqual([reason, expected]);
  }
}, 180_000);

test('only the device tokens that APNs called dead are switched off', async () => {
  const { database } = fleet;
  const dead = reasons.flatMap(([, { verdict }], i) => (verdict === 'retired' ? [i + 1] : []));
  let inactive: number[] = [];
  for (let tries = 0; tries < 100 && inactive.length < dead.length; tries++) {
    inactive = (
      await database.query<{ id: number }>('SELECT id FROM token WHERE active = 0 ORDER BY id')
    ).map(({ id }) => id);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  expect(inactive).toEqual(dead);

  const restored = await fleet.run(['devices', 'restore', String(dead[0])]);
  expect([restored.exitCode, restored.stderr]).toEqual([0, '']);
  expect(await database.query('SELECT active FROM token WHERE id = ?', [dead[0]])).toEqual([{ active: 1 }]);
}, 180_000);
