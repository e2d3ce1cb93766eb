import { z } from 'zod';
import { ACCEPTED, FAILED, mergeOutcomes, REJECTED, RETIRED, WAITING } from './outcomes.ts';

/** Why one recipient was refused or given up. Times in milliseconds since 1970. */
export interface Refusal {
  /** APNs' HTTP status, 0 where APNs was not asked. */
  readonly status: number;
  readonly reason: string;
  /** APNs' own time of a 410, null without one. */
  readonly timestamp: number | null;
  readonly attempts: number;
  readonly at: number;
  /** `deviceTokenDigest` of what was sent to, where it is to be retired: the row may have changed since. */
  readonly deviceToken: string | null;
}

/** A recipient that was tried and still waits. */
export interface Trial {
  /** Answered attempts so far. */
  readonly attempts: number;
  /** Requests whose answer never came. */
  readonly unanswered: number;
  /** Milliseconds since 1970: not tried again before. */
  readonly notBefore: number;
  readonly reason: string;
}

/** All that is known of one batch. The checkpoint, the result message and the reconciler carry just this. */
export interface BatchProgress {
  outcomes: Uint8Array;
  /** By index in the batch: rejected, retired and failed recipients. */
  readonly refusals: Map<number, Refusal>;
  /** By index in the batch: waiting recipients that were tried. */
  readonly trials: Map<number, Trial>;
  firstAcceptedAt: number | null;
  lastAcceptedAt: number | null;
  /** Requests sent again because the answer to an earlier one was lost. */
  resent: number;
}

export function newProgress(size: number): BatchProgress {
  return {
    outcomes: new Uint8Array(size),
    refusals: new Map(),
    trials: new Map(),
    firstAcceptedAt: null,
    lastAcceptedAt: null,
    resent: 0,
  };
}

const time = z.number().int();
const wireSchema = z.object({
  o: z.base64(),
  r: z.array(z.tuple([z.int(), z.int(), z.string(), time.nullable(), z.int(), time, z.string().nullable()])),
  w: z.array(z.tuple([z.int(), z.int(), z.int(), time, z.string()])),
  a: z.tuple([time.nullable(), time.nullable()]),
  n: z.int(),
});

/** The stored text does not hold the progress of a batch of this size. Trying again cannot help. */
export class MalformedProgressError extends Error {
  readonly code = 'PUSHFLEET_MALFORMED_PROGRESS';
  constructor(options: { readonly cause: unknown }) {
    super('the stored progress of a batch does not fit its schema', options);
  }
}

/** As stored: about 1.4 bytes per recipient and 40 per refused or retried one. */
export function encodeProgress(progress: BatchProgress): string {
  return JSON.stringify({
    o: Buffer.from(progress.outcomes).toString('base64'),
    r: [...progress.refusals].map(([i, r]) => [
      i,
      r.status,
      r.reason,
      r.timestamp,
      r.attempts,
      r.at,
      r.deviceToken,
    ]),
    w: [...progress.trials].map(([i, t]) => [i, t.attempts, t.unanswered, t.notBefore, t.reason]),
    a: [progress.firstAcceptedAt, progress.lastAcceptedAt],
    n: progress.resent,
  });
}

/** @throws MalformedProgressError */
export function decodeProgress(text: string): BatchProgress {
  try {
    const wire = wireSchema.parse(JSON.parse(text));
    return {
      outcomes: new Uint8Array(Buffer.from(wire.o, 'base64')),
      refusals: new Map(
        wire.r.map(([i, status, reason, timestamp, attempts, at, deviceToken]) => [
          i,
          { status, reason, timestamp, attempts, at, deviceToken },
        ]),
      ),
      trials: new Map(
        wire.w.map(([i, attempts, unanswered, notBefore, reason]) => [
          i,
          { attempts, unanswered, notBefore, reason },
        ]),
      ),
      firstAcceptedAt: wire.a[0],
      lastAcceptedAt: wire.a[1],
      resent: wire.n,
    };
  } catch (cause) {
    throw new MalformedProgressError({ cause });
  }
}

/**
 * Merges what two tellers know: outcomes by the larger byte, the words beside them from whoever told
 * the winning byte, counters by the larger value.
 */
export function mergeProgress(known: BatchProgress, told: BatchProgress): BatchProgress {
  const outcomes = mergeOutcomes(known.outcomes, told.outcomes);
  const merged: BatchProgress = {
    outcomes,
    refusals: new Map(),
    trials: new Map(),
    firstAcceptedAt: least(known.firstAcceptedAt, told.firstAcceptedAt),
    lastAcceptedAt: greatest(known.lastAcceptedAt, told.lastAcceptedAt),
    resent: Math.max(known.resent, told.resent),
  };
  for (const teller of [known, told]) {
    for (const [i, refusal] of teller.refusals) {
      if (teller.outcomes[i] === outcomes[i] && !merged.refusals.has(i)) merged.refusals.set(i, refusal);
    }
    for (const [i, trial] of teller.trials) {
      const other = merged.trials.get(i);
      if (outcomes[i] !== WAITING || (other !== undefined && !isLater(trial, other))) continue;
      merged.trials.set(i, trial);
    }
  }
  return merged;
}

/** Opens the failed recipients again, with fresh attempts: an operator asked for it. */
export function reopenFailed(progress: BatchProgress): number {
  let opened = 0;
  progress.outcomes.forEach((byte, i) => {
    if (byte !== FAILED) return;
    progress.outcomes[i] = WAITING;
    progress.refusals.delete(i);
    progress.trials.delete(i);
    opened++;
  });
  return opened;
}

/** The earliest time at which a waiting recipient may be tried; null when nobody waits. */
export function earliestNotBefore(progress: BatchProgress): number | null {
  if (!progress.outcomes.includes(WAITING)) return null;
  let waitingUntried = 0;
  for (const byte of progress.outcomes) if (byte === WAITING) waitingUntried++;
  let earliest = Number.POSITIVE_INFINITY;
  for (const [i, trial] of progress.trials) {
    if (progress.outcomes[i] !== WAITING) continue;
    waitingUntried--;
    earliest = Math.min(earliest, trial.notBefore);
  }
  return waitingUntried > 0 ? 0 : earliest;
}

/** Whether an outcome byte has words beside it that MySQL keeps. */
export function hasRefusal(byte: number): boolean {
  return byte === FAILED || byte === REJECTED || byte === RETIRED;
}

export function markAccepted(progress: BatchProgress, index: number, at: number): void {
  progress.outcomes[index] = ACCEPTED;
  progress.trials.delete(index);
  progress.firstAcceptedAt = least(progress.firstAcceptedAt, at);
  progress.lastAcceptedAt = greatest(progress.lastAcceptedAt, at);
}

export function markRefused(progress: BatchProgress, index: number, byte: number, refusal: Refusal): void {
  progress.outcomes[index] = byte;
  progress.trials.delete(index);
  progress.refusals.set(index, refusal);
}

function isLater(trial: Trial, other: Trial): boolean {
  if (trial.attempts !== other.attempts) return trial.attempts > other.attempts;
  return trial.notBefore > other.notBefore;
}

function least(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.min(a, b);
}

function greatest(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : Math.max(a, b);
}
