/**
 * One byte per recipient of a batch, in list order: the batch's truth, carried alike by the
 * checkpoint, the result and MySQL. The larger byte is the better knowledge.
 */
export const OUTCOMES = [
  'waiting',
  'failed',
  'cancelled',
  'expired',
  'rejected',
  'retired',
  'accepted',
] as const;
export type Outcome = (typeof OUTCOMES)[number];

export const WAITING = 0;
export const FAILED = 1;
export const CANCELLED = 2;
export const EXPIRED = 3;
export const REJECTED = 4;
export const RETIRED = 5;
export const ACCEPTED = 6;

/** Counts of one batch, by outcome; they add up to its size. */
export type Tally = { [outcome in Outcome]: number };

/** Two tellers disagree about the number of recipients: one of them speaks of another batch. */
export class OutcomeLengthError extends Error {
  readonly code = 'PUSHFLEET_OUTCOME_LENGTH';
  constructor(
    readonly known: number,
    readonly told: number,
  ) {
    super(`a batch of ${known} recipients was told ${told} outcomes`);
  }
}

/**
 * Merges what two tellers know of one batch: the larger byte wins, recipient by recipient.
 * Order and repetition do not matter, so results may overtake each other or come twice.
 */
export function mergeOutcomes(known: Uint8Array, told: Uint8Array): Uint8Array {
  if (known.length !== told.length) throw new OutcomeLengthError(known.length, told.length);
  return known.map((byte, recipient) => Math.max(byte, told[recipient]!));
}

export function tally(outcomes: Uint8Array): Tally {
  const counts = [0, 0, 0, 0, 0, 0, 0];
  for (const byte of outcomes) counts[byte]!++;
  return Object.fromEntries(OUTCOMES.map((outcome, byte) => [outcome, counts[byte]!])) as Tally;
}

/** Whether every recipient has a final outcome (failed is final until an operator opens it again). */
export function isSettled(outcomes: Uint8Array): boolean {
  return !outcomes.includes(WAITING);
}
