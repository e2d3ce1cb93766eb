import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { pino } from 'pino';
import { type BreakerState, SendBreaker } from './send-breaker.ts';

let states: BreakerState[];
let breaker: SendBreaker;

beforeEach(() => {
  jest.useFakeTimers();
  states = [];
  breaker = makeBreaker();
});

afterEach(() => {
  jest.useRealTimers();
});

function makeBreaker(topic?: string): SendBreaker {
  return new SendBreaker({
    app: 'a',
    credential: 'c',
    topic,
    log: pino({ level: 'silent' }),
    onState: (state) => states.push(state),
  });
}

/** The fleet has heard what this worker had to tell. */
function tellAll(): unknown {
  const { news } = breaker;
  if (news !== null) breaker.told(news);
  return news;
}

test('one refusal stops everything and is told to the fleet once; the probe is sent by who got the right to', () => {
  expect(breaker.pass()).toBe('go');
  breaker.refused('InvalidProviderToken');
  breaker.refused('InvalidProviderToken'); // the rest of the window says the same
  expect([states, breaker.pass(), breaker.probeAt]).toEqual([['open'], 'wait', Date.now() + 1_000]);
  expect(tellAll()).toEqual({ kind: 'refused', reason: 'InvalidProviderToken' });
  expect(breaker.wantsProbe(true)).toBe(false);
  jest.advanceTimersByTime(1_000);
  expect([breaker.wantsProbe(false), breaker.wantsProbe(true), breaker.pass()]).toEqual([
    false,
    true,
    'wait',
  ]);
  breaker.probeGranted(performance.now());
  expect([breaker.pass(), breaker.pass()]).toEqual(['probe', 'wait']);
  breaker.probeAnswered('passed', '');
  expect([states, breaker.pass()]).toEqual([['open', 'probing', 'closed'], 'go']);
  expect(tellAll()).toEqual({ kind: 'probe', answer: 'passed', reason: '' });
});

test('an outage of APNs stops everything under a name of its own; 5xx probes are refusals of it, and nobody fails', () => {
  const hear = (times: number) => {
    for (let i = 0; i < times; i++) {
      jest.advanceTimersByTime(1_000);
      breaker.answered(true, `recipient ${i}`);
    }
  };
  hear(5);
  expect([breaker.state, breaker.sparesAttempts]).toEqual(['closed', false]);
  hear(1);
  expect([breaker.state, breaker.reason, breaker.sparesAttempts]).toEqual(['open', 'ApnsUnavailable', true]);
  expect(tellAll()).toEqual({ kind: 'refused', reason: 'ApnsUnavailable' });
  breaker.probeGranted(performance.now());
  breaker.probeAnswered('unavailable', 'ServiceUnavailable');
  expect(tellAll()).toEqual({ kind: 'probe', answer: 'refused', reason: 'ApnsUnavailable' });
  breaker.probeGranted(performance.now());
  breaker.probeAnswered('passed', '');
  expect([breaker.state, breaker.sparesAttempts]).toEqual(['closed', true]);
  jest.advanceTimersByTime(60_001);
  expect(breaker.sparesAttempts).toBe(false);
});

test('a probe with 5xx says nothing about a refused credential, and a refused credential ends the name of an outage', () => {
  breaker.follow({ reason: 'InvalidProviderToken', since: 5, probeInMs: 0 });
  breaker.probeGranted(performance.now());
  breaker.probeAnswered('unavailable', 'ServiceUnavailable');
  expect(tellAll()).toEqual({ kind: 'probe', answer: 'unclear', reason: 'InvalidProviderToken' });
  breaker.follow({ reason: 'ApnsUnavailable', since: 5, probeInMs: 0 });
  breaker.probeGranted(performance.now());
  breaker.probeAnswered('refused', 'InvalidProviderToken');
  expect([tellAll(), breaker.sparesAttempts]).toEqual([
    { kind: 'probe', answer: 'refused', reason: 'InvalidProviderToken' },
    false,
  ]);
});

test('what another worker with this credential was told stops this one, and lets it go on', () => {
  breaker.follow({ reason: 'InvalidProviderToken', since: 5, probeInMs: 30_000 });
  expect([breaker.state, breaker.since, breaker.probeAt]).toEqual(['open', 5, Date.now() + 30_000]);
  expect([breaker.news, breaker.wantsProbe(true)]).toEqual([null, false]);
  breaker.follow(null);
  expect(breaker.pass()).toBe('go');
});

test('what the fleet knew before it has heard of a refusal does not lift it', () => {
  breaker.refused('x');
  breaker.follow(null);
  expect(breaker.state).toBe('open');
  tellAll();
  breaker.follow(null); // an operator resumed
  expect(breaker.state).toBe('closed');
});

test('a right to probe that may have run out while this process was stopped sends nothing', () => {
  breaker.refused('x');
  tellAll();
  jest.advanceTimersByTime(1_000);
  breaker.probeGranted(performance.now());
  jest.advanceTimersByTime(8_001);
  expect(breaker.pass()).toBe('wait');
  breaker.probeGranted(performance.now());
  expect(breaker.pass()).toBe('probe');
});

test('another worker probes: this one stays closed to jobs, and gives back a right that it cannot use', () => {
  breaker.refused('x');
  tellAll();
  jest.advanceTimersByTime(1_000);
  expect([breaker.probeDenied(), breaker.state, breaker.isDue]).toEqual([false, 'open', false]);
  jest.advanceTimersByTime(500);
  breaker.probeGranted(performance.now());
  expect([breaker.probeDenied(), breaker.state]).toEqual([true, 'open']);
});

test('a probe that was not sent leaves its turn to the next; one without a clear answer opens it again', () => {
  breaker.refused('x');
  tellAll();
  jest.advanceTimersByTime(1_000);
  breaker.probeGranted(performance.now());
  expect(breaker.pass()).toBe('probe');
  breaker.probeGivenUp();
  expect(breaker.pass()).toBe('probe');
  breaker.probeAnswered('unclear', 'NoAnswer');
  expect([breaker.state, breaker.reason]).toEqual(['open', 'x']);
  expect(tellAll()).toMatchObject({ kind: 'probe', answer: 'unclear' });
});

test('of a topic the right to probe is asked for only while a run wants to send to it', () => {
  breaker = makeBreaker('t.voip');
  breaker.refused('TopicDisallowed');
  tellAll();
  jest.advanceTimersByTime(1_000);
  expect(breaker.wantsProbe(true)).toBe(false);
  expect(breaker.pass()).toBe('wait');
  expect(breaker.wantsProbe(true)).toBe(true);
  breaker.probeGranted(performance.now());
  jest.advanceTimersByTime(2_001);
  expect(breaker.wantsProbe(true)).toBe(false);
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
