import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { RightOfWay } from './right-of-way.ts';

async function waitedMs(way: RightOfWay): Promise<number> {
  const startedAt = performance.now();
  await way.giveWay();
  return performance.now() - startedAt;
}

test('nothing is on its way: nobody waits', async () => {
  const way = new RightOfWay();
  let isOver = false;
  void way.giveWay().then(() => {
    isOver = true;
  });
  await Promise.resolve();
  await Promise.resolve();
  expect(isOver).toBe(true);
});

test('a claimed row is waited for, until it is queued', async () => {
  const way = new RightOfWay();
  way.claimed();
  let isOver = false;
  const waiting = way.giveWay().then(() => {
    isOver = true;
  });
  await sleep(1);
  expect(isOver).toBe(false);
  way.queued();
  await waiting;
});

test('alerts without end: 20 ms before each page, then it goes on', async () => {
  const way = new RightOfWay();
  way.claimed();
  const alerts = setInterval(() => way.claimed(), 1);
  const waited = await waitedMs(way);
  clearInterval(alerts);
  expect(waited).toBeGreaterThanOrEqual(19);
});

test('a claim that comes to no urgent batch is forgotten after 60 ms', async () => {
  const way = new RightOfWay();
  way.claimed();
  await sleep(65);
  let isOver = false;
  void way.giveWay().then(() => {
    isOver = true;
  });
  await Promise.resolve();
  await Promise.resolve();
  expect(isOver).toBe(true);
});
