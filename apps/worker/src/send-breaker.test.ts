import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { pino } from 'pino';
import { type BreakerState, SendBreaker } from './send-breaker.ts';

let states: BreakerState[];
let breaker: SendBreaker;

beforeEach(() => {
  jest.useFakeTimers();
  states = [];
  breaker = new SendBreaker({
    app: 'a',
    log: pino({ level: 'silent' }),
    onState: (state) => states.push(state),
  });
});

afterEach(() => {
  breaker.stop();
  jest.useRealTimers();
});

test('one refusal stops everything; one probe at a time finds out', () => {
  expect(breaker.pass()).toBe('go');
  breaker.refused('InvalidProviderToken');
  breaker.refused('InvalidProviderToken'); // the rest of the window says the same
  expect([states, breaker.pass(), breaker.probeAt]).toEqual([['open'], 'wait', Date.now() + 1_000]);
  jest.advanceTimersByTime(1_000);
  expect([breaker.pass(), breaker.pass()]).toEqual(['probe', 'wait']);
  breaker.probeAnswered('passed', '');
  expect([states, breaker.pass()]).toEqual([['open', 'probing', 'closed'], 'go']);
});

test('refused probes come at growing intervals up to a minute; a mended credential starts anew', () => {
  const waits: number[] = [];
  breaker.refused('x');
  for (let i = 0; i < 8; i++) {
    waits.push(breaker.probeAt - Date.now());
    jest.advanceTimersByTime(waits.at(-1)!);
    expect(breaker.pass()).toBe('probe');
    breaker.probeAnswered('refused', 'x');
  }
  expect(waits).toEqual([1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 60_000, 60_000]);
  jest.advanceTimersByTime(60_000);
  breaker.pass();
  breaker.probeAnswered('passed', '');
  breaker.refused('x');
  expect(breaker.probeAt - Date.now()).toBe(1_000);
});

test('a probe without a clear answer comes again after the same time', () => {
  breaker.refused('x');
  jest.advanceTimersByTime(1_000);
  breaker.pass();
  breaker.probeAnswered('unclear', 'NoAnswer');
  expect([breaker.state, breaker.probeAt - Date.now()]).toEqual(['open', 1_000]);
});

test('a probe that was not sent leaves its turn to the next', () => {
  breaker.refused('x');
  jest.advanceTimersByTime(1_000);
  expect(breaker.pass()).toBe('probe');
  breaker.probeGivenUp();
  expect(breaker.pass()).toBe('probe');
});

test('a stale provider token on a whole window counts once; three in a row stop the app', () => {
  for (let i = 0; i < 900; i++) breaker.stale('ExpiredProviderToken');
  expect(breaker.state).toBe('closed');
  jest.advanceTimersByTime(1_500);
  breaker.stale('ExpiredProviderToken');
  breaker.accepted();
  for (let i = 0; i < 2; i++) {
    jest.advanceTimersByTime(1_500);
    breaker.stale('ExpiredProviderToken');
  }
  expect(breaker.state).toBe('closed');
  jest.advanceTimersByTime(1_500);
  breaker.stale('ExpiredProviderToken');
  expect(breaker.state).toBe('open');
});
