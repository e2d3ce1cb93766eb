import { EventEmitter } from 'node:events';
import { type ClientHttp2Stream, constants } from 'node:http2';
import { expect, test } from '@jest/globals';
import type { ApnsAnswer } from '@pushfleet/shared/domain/apns-answer';
import { watchExchange } from './push-exchange.ts';

/** The few things that are read from a stream, for ends that no real server can be made to cause. */
class PuppetStream extends EventEmitter {
  id: number | undefined = 1;
  rstCode = 0;
  closedWith: number | undefined;
  close(code: number) {
    this.closedWith = code;
  }
}

function watch(timeoutMs = 60_000) {
  const stream = new PuppetStream();
  const answers: ApnsAnswer[] = [];
  const fate = { goawayFailed: false, cause: 'the connection was lost' };
  const settle = (answer: ApnsAnswer) => void answers.push(answer);
  watchExchange(
    stream as unknown as ClientHttp2Stream,
    timeoutMs,
    () => fate,
    () => {},
    settle,
  );
  return { stream, answers };
}

test('a stream that never got an id was never sent', () => {
  const { stream, answers } = watch();
  stream.id = undefined;
  stream.emit('close');
  expect(answers).toEqual([{ answered: false, sent: 'no', detail: 'the connection was lost' }]);
});

test('a body that Node tells before the response belongs to the answer', () => {
  const { stream, answers } = watch();
  stream.emit('data', '{"reason":"Unregistered"}');
  stream.emit('response', { ':status': 410 });
  stream.emit('end');
  stream.emit('close');
  expect(answers).toMatchObject([{ answered: true, status: 410, reason: 'Unregistered' }]);
});

test('a refusal that was cut off in the middle is no answer', () => {
  const { stream, answers } = watch();
  stream.emit('response', { ':status': 410 });
  stream.emit('data', '{"reason":"Unreg');
  stream.rstCode = constants.NGHTTP2_INTERNAL_ERROR;
  stream.emit('end');
  stream.emit('close');
  expect(answers).toMatchObject([{ answered: false, sent: 'unknown' }]);
});

test('an acceptance counts from its status on, however the stream ends', () => {
  const { stream, answers } = watch();
  stream.emit('response', { ':status': 200 });
  stream.rstCode = constants.NGHTTP2_INTERNAL_ERROR;
  stream.emit('close');
  expect(answers).toMatchObject([{ answered: true, status: 200 }]);
});

test('the deadline resets the stream and settles once; what comes later is not heard', async () => {
  const { stream, answers } = watch(5);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(stream.closedWith).toBe(constants.NGHTTP2_CANCEL);
  stream.emit('response', { ':status': 200 });
  stream.emit('close');
  expect(answers).toEqual([{ answered: false, sent: 'unknown', detail: 'no answer in time' }]);
});

test('an answer in time stops the deadline', () => {
  const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const { stream } = watch();
  expect(timers()).toBe(before + 1);
  stream.emit('response', { ':status': 200 });
  stream.emit('close');
  expect(timers()).toBe(before);
});
