import { expect, test } from '@jest/globals';
import { encodeProgress, markAccepted, newProgress } from '@pushfleet/shared/domain/batch-progress';
import { judgeJob } from './risen-jobs.ts';

/** Progress of five recipients of whom so many are accepted. */
function accepted(count: number): string {
  const progress = newProgress(5);
  for (let index = 0; index < count; index++) markAccepted(progress, index, 1);
  return encodeProgress(progress);
}

const stored = {
  dispatchId: 1,
  seq: 0,
  generation: 2,
  revision: 9,
  nonce: 'n',
  state: 'queued',
  settled: 3,
  hasFailed: false,
};
const queuedWith = (count: number) => JSON.stringify({ progress: accepted(count) });

test.each([
  ['an older generation', 1, {}, {}, 'over'],
  ['a batch that waits in MySQL', 2, {}, { state: 'parked' }, 'over'],
  ['a settled batch', 2, {}, { state: 'settled' }, 'over'],
  [
    'a settled batch with failed ones that a person retries',
    2,
    { attemptsMade: 1 },
    { state: 'settled', hasFailed: true },
    'stays',
  ],
  ['a checkpoint as far as MySQL', 2, { checkpoint: accepted(3) }, {}, 'stays'],
  ['a checkpoint beyond MySQL', 2, { checkpoint: accepted(4) }, {}, 'stays'],
  ['an older checkpoint', 2, { checkpoint: accepted(2) }, {}, 'behind'],
  ['no checkpoint, queued with what MySQL knows', 2, { data: queuedWith(3) }, {}, 'stays'],
  ['no checkpoint, queued before', 2, { data: queuedWith(0) }, {}, 'behind'],
  ['nothing that can be read', 2, { checkpoint: 'x', data: '{' }, {}, 'behind'],
] as const)('%s', (_, generation, job, batch, verdict) => {
  const known = { checkpoint: null, data: null, attemptsMade: 0, ...job };
  expect(judgeJob(generation, known, { ...stored, ...batch })).toBe(verdict);
});
