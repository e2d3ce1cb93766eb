import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { RateAnswer } from '@pushfleet/shared/queue/rate-bucket';
import { pino } from 'pino';
import { RateLimiter } from './rate-limiter.ts';

const granted = (pushes: number, nextInMs = 0) => ({ kind: 'granted', pushes, nextInMs }) as const;

function limiterOf(answers: (RateAnswer | Error)[], isUnlimited = () => false) {
  let asked = 0;
  const wanted: number[] = [];
  const limiter = new RateLimiter({
    ask: async (_, pushes) => {
      wanted.push(pushes);
      const answer = answers[Math.min(asked++, answers.length - 1)]!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    isUnlimited,
    log: pino({ level: 'silent' }),
  });
  return { limiter, asked: () => asked, wanted };
}

const signal = new AbortController().signal;

test('an app without a limit never asks', () => {
  const { limiter, asked } = limiterOf([{ kind: 'wait', ms: 1 }], () => true);
  expect([limiter.tryTake('bulk'), asked()]).toEqual([true, 0]);
});

test('a slice is spent push by push, then the next one is asked for', async () => {
  const { limiter, asked } = limiterOf([granted(3)]);
  for (let i = 0; i < 6; i++) await limiter.take('bulk', signal);
  expect([asked(), limiter.tryTake('bulk')]).toEqual([2, false]);
});

test('it asks for as many as wait, and for twice the last grant when that was spent', async () => {
  const { limiter, wanted } = limiterOf([granted(1), granted(3), granted(6)]);
  const takes = (count: number) =>
    Promise.all(Array.from({ length: count }, () => limiter.take('bulk', signal)));
  await takes(4); // the first one asks at once, the others wait meanwhile
  expect(wanted).toEqual([1, 3]);
  await takes(1);
  expect(wanted).toEqual([1, 3, 6]);
  await sleep(120);
  await takes(1);
  expect(wanted).toEqual([1, 3, 6, 1]); // of the last grant five were void
});

test('it does not ask before there can be more, however soon that was told', async () => {
  const { limiter, asked } = limiterOf([granted(1, 60), granted(1, 60_000), granted(1)]);
  const before = performance.now();
  await limiter.take('bulk', signal);
  await limiter.take('bulk', signal);
  expect(performance.now() - before).toBeGreaterThan(55);
  await limiter.take('bulk', signal); // a rate of one a minute that is raised meanwhile
  expect(asked()).toBe(3);
});

test('refused it asks for less, down to as many as wait', async () => {
  const { limiter, wanted } = limiterOf([
    granted(40),
    { kind: 'wait', ms: 1 },
    { kind: 'wait', ms: 1 },
    granted(5),
  ]);
  for (let i = 0; i < 41; i++) await limiter.take('bulk', signal);
  expect(wanted).toEqual([1, 80, 20, 4]);
});

test('what is not spent within 100 ms is void', async () => {
  const { limiter, asked } = limiterOf([granted(3)]);
  await limiter.take('bulk', signal);
  expect(limiter.tryTake('bulk')).toBe(true);
  await sleep(120);
  expect(limiter.tryTake('bulk')).toBe(false);
  await limiter.take('bulk', signal);
  expect(asked()).toBe(2);
});

test('the lanes have slices of their own', async () => {
  const { limiter } = limiterOf([granted(3)]);
  await limiter.take('bulk', signal);
  expect([limiter.tryTake('bulk'), limiter.tryTake('urgent')]).toEqual([true, false]);
});

test('it asks again after the wait it was told, and after a failure', async () => {
  const { limiter, asked } = limiterOf([{ kind: 'wait', ms: 5 }, new Error('away'), granted(1)]);
  await limiter.take('bulk', signal);
  expect(asked()).toBe(3);
});

test('who is halted while waiting leaves, and the others get their turn in order', async () => {
  const { limiter } = limiterOf([{ kind: 'wait', ms: 20 }, granted(2)]);
  const halt = new AbortController();
  const order: string[] = [];
  const first = limiter.take('bulk', signal).then(() => order.push('first'));
  const halted = limiter.take('bulk', halt.signal);
  const last = limiter.take('bulk', signal).then(() => order.push('last'));
  halt.abort('paused');
  await expect(halted).rejects.toBe('paused');
  await Promise.all([first, last]);
  expect(order).toEqual(['first', 'last']);
});
