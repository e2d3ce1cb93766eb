import { newProgress } from '@pushfleet/shared/domain/batch-progress';
import { ACCEPTED, REJECTED, RETIRED } from '@pushfleet/shared/domain/outcomes';
import { encodeRecipients, idRange } from '@pushfleet/shared/domain/recipient-list';
import { freezeClaims, insertClaims, readClaims } from '@pushfleet/shared/store/claims';
import { readOwnPlannings, saveSmallPlans } from '@pushfleet/shared/store/plans';
import { recordTellings } from '@pushfleet/shared/store/record';
import { insertNotifications, insertTokens, utcNow } from './backend-rows.ts';
import type { CommandLine } from './command-line.ts';

const TOKEN_IDS = [1, 2, 3, 4, 5];
const DEADLINE = '2030-01-01 00:00:00.000';
const NONCE = 'nonce123';

/** The request that `planNotification` freezes. */
export const REQUEST = {
  app: 'shop',
  topic: 'com.example.shop',
  environment: 'sandbox',
  pushType: 'alert',
  priority: 10,
  expiration: null,
  collapseId: null,
  payload: '{"aps":{"alert":"Grüße","badge":1,"sound":"default"}}',
};

/** Device token of a row of the token table. */
export function deviceTokenOf(tokenId: number): string {
  return tokenId.toString(16).padStart(64, 'a');
}

/**
 * A notification to the tokens 1 to 5 that a producer has claimed and planned: one batch.
 * @returns its dispatch
 */
export async function planNotification({ database, store }: CommandLine, id: number): Promise<number> {
  await insertTokens(
    database,
    TOKEN_IDS.map((tokenId) => ({ id: tokenId, deviceToken: deviceTokenOf(tokenId) })),
  );
  await insertNotifications(database, [{ id, tokenIds: TOKEN_IDS }]);
  const dueWall = utcNow();
  const claim = { id: String(id), round: 1, dueWall, dueAt: dueWall, deadline: DEADLINE, app: 'shop' };
  await insertClaims(store, [claim], 'test', NONCE);
  const [claimed] = await readClaims(store, [claim.id], 'test', NONCE);
  const { dispatchId } = claimed!;
  const request = JSON.stringify(REQUEST);
  await freezeClaims(store, [{ dispatchId, app: 'shop', lane: null, request, deadline: DEADLINE }]);
  const [planning] = await readOwnPlannings(store, 'test', 'newest', 10);
  const ids = TOKEN_IDS.map(String);
  const { first, last } = idRange('integer', ids);
  const batch = {
    seq: 0,
    size: ids.length,
    recipients: encodeRecipients('integer', ids),
    firstId: first,
    lastId: last,
    twins: null,
    outcomes: null,
    rejected: 0,
    refusals: [],
  };
  const counts = {
    directMembers: 8,
    tokenGroups: 0,
    inactive: 2,
    duplicates: 1,
    malformed: 0,
    otherApp: 0,
    recipients: ids.length,
  };
  const page = { batches: [batch], cursor: '', counts, lane: 'urgent', complete: true };
  await saveSmallPlans(store, [{ planning: planning!, page }]);
  return dispatchId;
}

/** Tells what a worker would: 1 and 2 were accepted, 3 rejected, 4 retired; 5 waits after one attempt. */
export async function tellOutcomes({ database, store }: CommandLine, dispatchId: number): Promise<void> {
  const at = Date.UTC(2026, 0, 1);
  const progress = newProgress(TOKEN_IDS.length);
  progress.outcomes.set([ACCEPTED, ACCEPTED, REJECTED, RETIRED, 0]);
  const refusal = { timestamp: null, attempts: 1, at, deviceToken: null };
  progress.refusals.set(2, { ...refusal, status: 400, reason: 'BadDeviceToken' });
  progress.refusals.set(3, { ...refusal, status: 410, reason: 'Unregistered', timestamp: at - 1_000 });
  progress.trials.set(4, { attempts: 1, unanswered: 2, notBefore: at + 5_000, reason: 'TooManyRequests' });
  progress.firstAcceptedAt = at;
  progress.lastAcceptedAt = at + 100;
  progress.resent = 2;
  await database.query("UPDATE pushfleet_batch SET state = 'queued', generation = 1");
  const [batch] = await database.query<{ nonce: string }>(
    'SELECT nonce FROM pushfleet_batch WHERE dispatch_id = ?',
    [dispatchId],
  );
  const telling = { dispatchId, seq: 0, generation: 1, nonce: batch!.nonce, progress, ended: false };
  const [recorded] = await recordTellings(store, [telling], new Set());
  if (recorded!.state !== 'queued') throw new Error(`the batch is ${recorded!.state} after the telling`);
}
