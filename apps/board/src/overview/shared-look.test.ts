import { expect, test } from '@jest/globals';
import { SharedLook } from './shared-look.ts';

/** Looks that end when they are told to, and a clock that stands still. */
function openLooks() {
  const open: { resolve: (value: number) => void; reject: (error: Error) => void }[] = [];
  const clock = { now: 0 };
  let count = 0;
  const shared = new SharedLook(
    () => {
      count++;
      return new Promise<number>((resolve, reject) => open.push({ resolve, reject }));
    },
    { everyMs: 2_000, withinMs: 5_000 },
    () => clock.now,
  );
  return { shared, clock, open, count: () => count };
}

test('many who ask at once share one look, and it is good for a while', async () => {
  const { shared, clock, open, count } = openLooks();
  const asked = [shared.read(), shared.read()];
  open[0]!.resolve(1);
  expect(await Promise.all(asked)).toEqual([1, 1]);
  clock.now = 1_999;
  expect(await shared.read()).toBe(1);
  expect(count()).toBe(1);
});

test('while a new look is under way all others get what was seen last, unless that is too old', async () => {
  const { shared, clock, open } = openLooks();
  const first = shared.read();
  open[0]!.resolve(1);
  await first;
  clock.now = 2_000;
  const looker = shared.read();
  expect(await shared.read()).toBe(1);
  clock.now = 15_000;
  const waiter = shared.read();
  open[1]!.resolve(2);
  expect(await Promise.all([looker, waiter])).toEqual([2, 2]);
});

test('a look that took long is good for twenty times as long', async () => {
  const { shared, clock, open, count } = openLooks();
  const first = shared.read();
  clock.now = 500;
  open[0]!.resolve(1);
  await first;
  clock.now = 9_999;
  await shared.read();
  expect(count()).toBe(1);
  clock.now = 10_000;
  const second = shared.read();
  expect(count()).toBe(2);
  open[1]!.resolve(2);
  await second;
});

test('after a change nobody sees what was looked at before it, not even by a look that was under way', async () => {
  const { shared, open } = openLooks();
  const before = shared.read();
  shared.forget();
  const after = shared.read();
  open[0]!.resolve(1);
  open[1]!.resolve(2);
  expect(await Promise.all([before, after])).toEqual([1, 2]);
  expect(await shared.read()).toBe(2);
});

test('while looking fails nobody is shown what was seen before, and nobody but the one who looks waits for it', async () => {
  const { shared, clock, open } = openLooks();
  const first = shared.read();
  open[0]!.resolve(1);
  await first;
  clock.now = 2_000;
  const failed = shared.read();
  open[1]!.reject(new Error('away'));
  await expect(failed).rejects.toThrow('away');
  clock.now = 4_000;
  const looker = shared.read();
  await expect(shared.read()).rejects.toThrow('away');
  expect(shared.failingSince).toBe(2_000);
  open[2]!.resolve(3);
  expect(await looker).toBe(3);
  expect([await shared.read(), shared.failingSince]).toEqual([3, null]);
});

test('a look without an end has failed', async () => {
  const shared = new SharedLook(() => new Promise<number>(() => {}), { everyMs: 2_000, withinMs: 20 });
  await expect(shared.read()).rejects.toMatchObject({ code: 'ETIMEDOUT' });
});

test('after a look that failed the next one looks again', async () => {
  const { shared, open } = openLooks();
  const failed = shared.read();
  open[0]!.reject(new Error('away'));
  await expect(failed).rejects.toThrow('away');
  const again = shared.read();
  open[1]!.resolve(2);
  expect(await again).toBe(2);
});
