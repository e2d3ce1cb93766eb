import { expect, test } from '@jest/globals';
import { whyForbidden } from './write-rules.ts';

const JOB = '/api/queues/:queueName/:jobId';
const QUEUE = '/api/queues/:queueName';

test.each([
  ['put', `${JOB}/retry`],
  ['put', `${QUEUE}/retry/:queueStatus`],
  ['get', '/api/queues'],
])('a writable board does %s %s', (method, route) => {
  expect(whyForbidden(method, route, true)).toBeNull();
});

test.each([
  ['post', `${QUEUE}/add`, 'Insert a notification'],
  ['patch', `${JOB}/update-data`, 'producer alone'],
  ['put', `${JOB}/promote`, 'not started early'],
  ['put', `${QUEUE}/promote`, 'not started early'],
  ['patch', `${JOB}/delay`, 'not started early'],
  ['put', `${JOB}/clean`, 'pushfleet cancel'],
  ['put', `${QUEUE}/clean/:queueStatus`, 'pushfleet cancel'],
  ['put', `${QUEUE}/empty`, 'pushfleet cancel'],
  ['put', `${QUEUE}/obliterate`, 'pushfleet cancel'],
  ['put', '/api/queues/pause', 'pushfleet pause'],
  ['put', `${QUEUE}/resume`, 'pushfleet resume'],
  ['put', `${QUEUE}/concurrency`, 'pushfleet rate'],
  ['put', `${QUEUE}/rate-limit/release`, 'pushfleet rate'],
  ['patch', `${JOB}/priority`, 'nothing except retrying'],
  ['delete', `${JOB}/something-new`, 'nothing except retrying'],
])('a writable board refuses %s %s', (method, route, sentence) => {
  expect(whyForbidden(method, route, true)).toContain(sentence);
});

test('a read-only board retries nothing', () => {
  expect(whyForbidden('put', `${JOB}/retry`, false)).toContain('PUSHFLEET_BOARD_WRITABLE');
  expect(whyForbidden('get', JOB, false)).toBeNull();
});
