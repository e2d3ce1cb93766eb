import { expect, test } from '@jest/globals';
import type { WorkerBeat } from '@pushfleet/shared/queue/worker-beats';
import { Heartbeat } from './heartbeat.ts';

function aHeartbeat(write: (beat: WorkerBeat) => Promise<void>) {
  const removed: string[] = [];
  const heartbeat = new Heartbeat({
    version: '1',
    governor: { state: () => 'ready', streamLimit: () => 1_000, inFlight: () => 7 },
    gate: { causes: ['paused'] },
    write,
    remove: async () => void removed.push('worker'),
    log: { debug: () => {} },
  });
  return { heartbeat, removed };
}

test('a beat says how the worker is, and what it has done since its start', async () => {
  const beats: WorkerBeat[] = [];
  const { heartbeat, removed } = aHeartbeat(async (beat) => void beats.push(structuredClone(beat)));
  for (let i = 0; i < 3; i++) heartbeat.answered();
  heartbeat.accepted(2, 0);
  heartbeat.accepted(1, 40_000);
  heartbeat.accepted(5, 86_400_000);
  heartbeat.start();
  await heartbeat.stop();
  expect(beats).toMatchObject([
    { connection: 'ready', streamLimit: 1_000, inFlight: 7, closedBy: ['paused'], answered: 3 },
  ]);
  expect(beats[0]!.dueToAccepted).toEqual([2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 5]);
  expect(removed).toEqual(['worker']);
});

test('a Redis that refuses the beat costs nothing', async () => {
  const { heartbeat } = aHeartbeat(async () => {
    throw new Error('away');
  });
  heartbeat.start();
  await expect(heartbeat.stop()).resolves.toBeUndefined();
});
