import { expect, test } from '@jest/globals';
import { scalableBacklog } from './scaling.ts';

const busy = { isPaused: false, isStopped: false, ratePerSecond: 0, unsettled: 500_000, sendable: 400_000 };

test.each([
  ['what can be sent now', {}, 400_000],
  ['no more than the rate allows in a minute', { ratePerSecond: 100 }, 6_000],
  ['nothing while paused', { isPaused: true }, 0],
  ['one worker while APNs refuses the credential', { isStopped: true }, 1],
  ['one worker while all of it waits for its time', { sendable: 0 }, 1],
  ['nothing without work', { unsettled: 0, sendable: 0 }, 0],
])('workers are asked for by %s', (_, parts, backlog) => {
  expect(scalableBacklog({ ...busy, ...parts })).toBe(backlog);
});
