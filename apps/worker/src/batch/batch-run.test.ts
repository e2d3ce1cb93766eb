import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { ApnsAnswer } from '@pushfleet/shared/domain/apns-answer';
import type { BatchJob, BatchResult } from '@pushfleet/shared/domain/batch-job';
import {
  type BatchProgress,
  decodeProgress,
  encodeProgress,
  newProgress,
} from '@pushfleet/shared/domain/batch-progress';
import { NO_TRACING } from '@pushfleet/shared/platform/tracing';
import { pino } from 'pino';
import { RunHold } from '../lanes/run-hold.ts';
import { SendBreaker } from '../send-breaker.ts';
import { BatchRun, type RunEnd } from './batch-run.ts';
import type { OpenBatch } from './open-batch.ts';
import type { SendingParts } from './sending-parts.ts';

const log = pino({ level: 'silent' });
const OK: ApnsAnswer = { answered: true, status: 200, reason: '' };
const LOCK_MS = 6_000;
const STAND_STILL = new Int32Array(new SharedArrayBuffer(4));
/** A run asks in one of two ways: at once where nothing has to be waited for, or step by step. */
const WAYS = [
  ['at a limited rate', false],
  ['as fast as it goes', true],
] as const;

/** One batch with everything around it played by the test. APNs answers after a millisecond. */
class Stage {
  readonly sentAt: number[] = [];
  readonly events: string[] = [];
  readonly results: BatchResult[] = [];
  readonly written: BatchProgress[] = [];
  /** What an earlier run has left. */
  checkpoint: BatchProgress | null = null;
  answer: (index: number) => ApnsAnswer = () => OK;
  answerMs = 1;
  /** Nothing has to be waited for: each request takes half a millisecond of this process instead. */
  isUnlimited = false;
  deadline = Date.now() + 3_600_000;
  cancelled = false;
  held = false;
  write: () => Promise<boolean> = async () => true;
  publish: () => Promise<boolean> = async () => true;
  readonly hold = new RunHold(Date.now());
  readonly breaker = new SendBreaker({ app: 'a', credential: 'c', log, onState: () => {} });

  async run(size: number, attemptsMade = 0): Promise<RunEnd> {
    const job = { dispatch: 1, seq: 1, generation: 0, fleet: 'f', nonce: 'n', app: 'a', lane: 'bulk' };
    const more = { size, payload: '{}', dueAt: Date.now(), deadline: this.deadline };
    const indexes = Array.from({ length: size }, (_, i) => i);
    const batch: OpenBatch = {
      jobId: 'b-1-1-0',
      job: { ...job, ...more, progress: encodeProgress(newProgress(size)) } as unknown as BatchJob,
      indexes,
      deviceTokens: { at: (position) => `d${position}` },
      tokenIds: indexes.map(String),
      known: newProgress(size),
      headers: {},
    };
    const run = {
      lane: 'bulk' as const,
      jobId: 'b-1-1-0',
      lockToken: 't',
      attemptsStarted: 1 + attemptsMade,
    };
    return BatchRun.start(batch, attemptsMade, run, this.hold, this.parts());
  }

  parts(): SendingParts {
    return {
      governor: {
        acquire: async () => {},
        tryAcquire: () => true,
        release: () => {},
        send: ({ deviceToken }, settle) => {
          this.sentAt.push(performance.now());
          if (this.isUnlimited) Atomics.wait(STAND_STILL, 0, 0, 0.5);
          void sleep(this.answerMs).then(() => settle(this.answer(Number(deviceToken.slice(1)))));
        },
      },
      control: {
        current: () => ({}) as never,
        isCancelled: () => this.cancelled,
        isHeld: () => this.held,
      },
      // One push every 2 ms, so that a batch takes a while.
      limiter: { tryTake: () => this.isUnlimited, take: () => sleep(2) },
      breaker: this.breaker,
      topicBreakers: { of: () => null },
      checkpoints: {
        checkpoint: async ({ progress }) => {
          this.written.push(decodeProgress(progress));
          this.events.push('checkpoint');
          return this.write();
        },
      },
      readCheckpoint: async () => this.checkpoint && encodeProgress(this.checkpoint),
      results: {
        publish: async (result) => {
          this.events.push(result.ended ? 'result' : 'progress');
          this.results.push(result);
          return this.publish();
        },
      },
      tracing: NO_TRACING,
      observer: { batchStarted() {}, answered() {}, settled() {}, resentUnanswered() {}, refused() {} },
      policy: { maxAttempts: 1, delaysMs: [1_000] },
      lockDurationMs: LOCK_MS,
      worker: 'w',
      log,
    };
  }
}

function stage(isUnlimited = false): Stage {
  const one = new Stage();
  one.isUnlimited = isUnlimited;
  return one;
}

test('checkpoints come every 100 ms while answers come, and the result comes last', async () => {
  const one = stage();
  expect(await one.run(150)).toEqual({ kind: 'settled' });
  const checkpoints = one.events.filter((event) => event === 'checkpoint').length;
  expect(checkpoints).toBeGreaterThanOrEqual(3);
  expect(checkpoints).toBeLessThanOrEqual(12);
  expect(one.events.at(-1)).toBe('result');
  expect(one.events.filter((event) => event === 'result')).toHaveLength(1);
});

test.each(WAYS)(
  '%s: Redis hangs: no request starts more than 200 ms after the first answer that is in no checkpoint',
  async (_, isUnlimited) => {
    const one = stage(isUnlimited);
    let release = () => {};
    one.write = () =>
      new Promise((resolve) => {
        release = () => resolve(true);
      });
    const run = one.run(900);
    await sleep(700);
    const sent = one.sentAt.length;
    expect(one.sentAt.at(-1)! - one.sentAt[0]!).toBeLessThan(260);
    one.write = async () => true;
    release();
    expect(await run).toEqual({ kind: 'settled' });
    expect([sent < 600, one.sentAt.length]).toEqual([true, 900]);
  },
);

test.each(WAYS)(
  '%s: Redis refuses checkpoints: what they held stays unsaved, and nothing is sent until one is written',
  async (_, isUnlimited) => {
    const one = stage(isUnlimited);
    one.write = async () => {
      throw new Error('OOM command not allowed');
    };
    const run = one.run(900);
    await sleep(700);
    expect(one.sentAt.at(-1)! - one.sentAt[0]!).toBeLessThan(260);
    one.write = async () => true;
    expect(await run).toEqual({ kind: 'settled' });
    expect(one.sentAt).toHaveLength(900);
  },
);

test.each(WAYS)(
  '%s: the lock was not renewed for too long: nothing is sent until it is',
  async (_, isUnlimited) => {
    const one = stage(isUnlimited);
    one.hold.renewed(performance.now() - LOCK_MS + 1_500, Date.now());
    const run = one.run(3);
    await sleep(150);
    expect(one.sentAt).toHaveLength(0);
    one.hold.renewed(performance.now(), Date.now());
    expect(await run).toEqual({ kind: 'settled' });
  },
);

test('a clock that stood still does not hide how old the lock is', () => {
  const hold = new RunHold(Date.now());
  hold.renewed(performance.now(), Date.now() - 5_000);
  expect(hold.lockAgeMs()).toBeGreaterThanOrEqual(5_000);
});

test('a refused checkpoint ends the run: it touches the job no more and tells its answers only', async () => {
  const one = stage();
  one.write = async () => false;
  one.answer = (index) => (index === 1 ? { answered: true, status: 500, reason: 'InternalServerError' } : OK);
  expect(await one.run(400)).toEqual({ kind: 'gone' });
  expect(one.sentAt.length).toBeLessThan(150);
  expect(one.results.every((result) => !result.ended)).toBe(true);
  const told = decodeProgress(one.results.at(-1)!.progress).outcomes;
  expect(told.filter((byte) => byte === 6)).toHaveLength(one.sentAt.length - 1);
  expect(told[1]).toBe(0); // that it failed is for the owner of the job to say
});

test('who failed is told before the job fails, and only after the checkpoint was written', async () => {
  const one = stage();
  one.answer = (index) => (index === 1 ? { answered: true, status: 500, reason: 'InternalServerError' } : OK);
  expect(await one.run(3)).toEqual({
    kind: 'failed',
    message: '1 of 3 recipients failed after 1 attempt: InternalServerError 1; retry sends to this one only',
  });
  expect(one.events).toEqual(['checkpoint', 'result']);
});

test('a retry says that it has opened the failed ones before an answer comes: a worker that dies then loses nothing', async () => {
  const one = stage();
  one.checkpoint = newProgress(2);
  one.checkpoint.outcomes.set([1, 6]);
  one.answerMs = 300;
  const run = one.run(2, 1);
  await sleep(200);
  expect(one.written.map(({ outcomes }) => [...outcomes])).toEqual([[0, 6]]);
  expect(await run).toEqual({ kind: 'settled' });
  expect(one.sentAt).toHaveLength(1);
});

test('halted: it waits for the answers in flight and hands the rest back', async () => {
  const one = stage();
  one.answerMs = 50;
  const run = one.run(300);
  await sleep(100);
  one.hold.halt('paused');
  expect(await run).toEqual({ kind: 'back' });
  expect(decodeProgress(one.results.at(-1)!.progress).outcomes.filter((byte) => byte === 6)).toHaveLength(
    one.sentAt.length,
  );
  expect(one.events.slice(-2)).toEqual(['checkpoint', 'progress']);
});

test('an answer that does not come before the drain ends may have been sent: the next one counts as a repeat', async () => {
  const one = stage();
  one.answerMs = 2_000;
  const run = one.run(50);
  await sleep(60);
  one.hold.halt('stopping');
  one.hold.drainUntil = performance.now() + 50;
  expect(await run).toEqual({ kind: 'back' });
  const { trials } = decodeProgress(one.results.at(-1)!.progress);
  expect(trials.size).toBe(one.sentAt.length);
  expect([...trials.values()].every((trial) => trial.reason === 'NoAnswer')).toBe(true);
});

test('a refused credential halts the run without an attempt, and another worker may have the batch at once', async () => {
  const one = stage();
  one.answer = () => ({ answered: true, status: 403, reason: 'InvalidProviderToken' });
  const run = one.run(100);
  await sleep(30);
  one.hold.halt('breaker'); // what the gate does when the breaker opens
  const end = await run;
  expect(end).toEqual({ kind: 'back' });
  expect(one.results.flatMap((result) => [...decodeProgress(result.progress).trials])).toEqual([]);
});

test.each([
  ['cancelled', { cancelled: true }, 2],
  ['past its deadline', { deadline: Date.now() - 1 }, 3],
] as const)('%s before its first request: nothing is sent, and who waits ends so', async (_, facts, byte) => {
  for (const [, isUnlimited] of WAYS) {
    const one = stage(isUnlimited);
    Object.assign(one, facts);
    expect(await one.run(3)).toEqual({ kind: 'settled' });
    expect(one.sentAt).toHaveLength(0);
    expect([...decodeProgress(one.results.at(-1)!.progress).outcomes]).toEqual([byte, byte, byte]);
  }
});

test.each([
  ['the deadline', { deadline: Date.now() - 1 }, 3],
  ['a cancel', { cancelled: true }, 2],
] as const)(
  'who must wait longer than %s lets him ends with it, and does not come back at once',
  async (_, facts, byte) => {
    const one = stage();
    one.checkpoint = newProgress(2);
    one.checkpoint.outcomes.set([6, 0]);
    const trial = { attempts: 1, unanswered: 0, notBefore: Date.now() + 40_000, reason: 'TooManyRequests' };
    one.checkpoint.trials.set(1, trial);
    Object.assign(one, facts);
    expect(await one.run(2, 1)).toEqual({ kind: 'settled' });
    expect([...decodeProgress(one.results.at(-1)!.progress).outcomes]).toEqual([6, byte]);
  },
);

test('a held notification stops in the middle and leaves Redis, and nobody pays for it', async () => {
  const one = stage();
  const run = one.run(300);
  await sleep(50);
  one.held = true;
  expect(await run).toEqual({ kind: 'parked' });
  const last = one.results.at(-1)!;
  expect(last.ended).toBe(true);
  const { outcomes, trials } = decodeProgress(last.progress);
  expect(outcomes.filter((byte) => byte === 6).length).toBe(one.sentAt.length);
  expect(outcomes.includes(0)).toBe(true);
  expect(trials.size).toBe(0);
});

test('a batch that takes longer than a second tells its progress meanwhile', async () => {
  const one = stage();
  expect(await one.run(600)).toEqual({ kind: 'settled' });
  const meanwhile = one.results.filter((result) => !result.ended);
  expect(meanwhile.length).toBeGreaterThanOrEqual(1);
  expect(decodeProgress(meanwhile[0]!.progress).outcomes.includes(6)).toBe(true);
});
