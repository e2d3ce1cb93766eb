import { apnsId } from '@pushfleet/shared/domain/apns-id';
import { ACCEPTED } from '@pushfleet/shared/domain/outcomes';
import { decodeRecipients } from '@pushfleet/shared/domain/recipient-list';
import type { Fleet } from './fleet.ts';

/** What MySQL and the simulator say of the recipients of some notifications, one by one. */
export interface Comparison {
  readonly recipients: number;
  readonly accepted: number;
  /** Accepted more than once: how many times too many, and when each first was (milliseconds since 1970). */
  readonly duplicates: number;
  readonly firstTimes: readonly number[];
  /** Sentences: without outcome, called accepted and never was, or the reverse. */
  readonly faults: readonly string[];
}

export async function compareWithSimulator(
  { database, simulator }: Fleet,
  notificationIds: readonly number[],
): Promise<Comparison> {
  const times = new Map<string, number[]>();
  for (const { apnsId: id, atMs } of simulator.accepted()) times.set(id, [...(times.get(id) ?? []), atMs]);
  const batches = await database.query<{
    dispatchId: number;
    state: string;
    recipients: Buffer;
    outcomes: Buffer | null;
  }>(
    `SELECT b.dispatch_id AS dispatchId, b.state, b.recipients, b.outcomes
       FROM pushfleet_batch b JOIN pushfleet_dispatch d ON d.id = b.dispatch_id WHERE d.notification_id IN (?)`,
    [notificationIds],
  );
  const faults: string[] = [];
  const firstTimes: number[] = [];
  const found = { recipients: 0, accepted: 0, duplicates: 0 };
  for (const { dispatchId, state, recipients, outcomes } of batches) {
    if (state !== 'settled') faults.push(`a batch of dispatch ${dispatchId} is ${state}`);
    for (const [i, tokenId] of decodeRecipients(recipients).entries()) {
      const byte = outcomes?.[i] ?? 0;
      const accepted = times.get(apnsId(dispatchId, tokenId)) ?? [];
      found.recipients++;
      if (byte === ACCEPTED) found.accepted++;
      if (accepted.length > 1) {
        found.duplicates += accepted.length - 1;
        firstTimes.push(...accepted.slice(0, -1));
      }
      if (byte === 0) faults.push(`token ${tokenId} of dispatch ${dispatchId} has no outcome`);
      if ((byte === ACCEPTED) !== accepted.length > 0)
        faults.push(
          `token ${tokenId} of dispatch ${dispatchId}: outcome ${byte}, accepted ${accepted.length} times`,
        );
    }
  }
  return { ...found, firstTimes, faults };
}
