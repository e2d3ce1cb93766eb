import { describe, expect, test } from '@jest/globals';
import type { Rule } from './rule.ts';
import { ScriptError } from './script-error.ts';
import { readScript } from './script-parser.ts';

describe('a script in words is the same as typed rules', () => {
  test.each<[string, Rule]>([
    [
      'device ab12* answer 410 Unregistered timestamp -60s',
      {
        device: 'ab12*',
        steps: [{ do: 'answer', status: 410, reason: 'Unregistered', timestampOffsetMs: -60_000 }],
      },
    ],
    [
      'device * answer 429 TooManyRequests retry-after 3 times 1',
      {
        device: '*',
        steps: [{ do: 'answer', status: 429, reason: 'TooManyRequests', retryAfterSeconds: 3, times: 1 }],
      },
    ],
    [
      'device cafe* answer 503 ServiceUnavailable times 2 then accept',
      {
        device: 'cafe*',
        steps: [{ do: 'answer', status: 503, reason: 'ServiceUnavailable', times: 2 }, { do: 'accept' }],
      },
    ],
    ['device dead* reset', { device: 'dead*', steps: [{ do: 'reset' }] }],
    ['device 11* delay 500ms', { device: '11*', steps: [{ do: 'accept', delayMs: 500 }] }],
    [
      'device 11* delay 1.5s times 2 then delay 1m drop accepted',
      {
        device: '11*',
        steps: [
          { do: 'accept', delayMs: 1500, times: 2 },
          { do: 'drop', delayMs: 60_000, accepted: true },
        ],
      },
    ],
    [
      'device 44* goaway error ENHANCE_YOUR_CALM',
      { device: '44*', steps: [{ do: 'goaway', error: 'ENHANCE_YOUR_CALM' }] },
    ],
    ['all latency 20ms', { latencyMs: 20 }],
    ['streams 10', { streams: 10 }],
    ['after 100 accepted drop', { after: 100, of: 'accepted', do: 'drop' }],
    ['every 50 requests goaway', { after: 50, of: 'requests', repeats: true, do: 'goaway' }],
    [
      'after 9 requests stick 500 InternalServerError',
      { after: 9, of: 'requests', do: 'stick', status: 500, reason: 'InternalServerError' },
    ],
    ['after 5 accepted streams 1', { after: 5, of: 'accepted', do: 'streams', streams: 1 }],
  ])('%s', (line, rule) => {
    expect(readScript(line)).toEqual(readScript([rule]));
  });
});

test('comments and blank lines are no rules', () => {
  expect(readScript('# nothing\n\n  device * accept # all of them\n')).toHaveLength(1);
});

test.each([
  ['divice * accept', /a rule starts with/],
  ['device', /device pattern is missing/],
  ['device xyz* accept', /device pattern is hex digits/],
  ['device a*b accept', /device pattern is hex digits/],
  ['device *', /what happens to the request is missing/],
  ['device * explode', /"explode" is none of accept/],
  ['device * answer', /status is missing/],
  ['device * answer soon', /status must be a whole number, not "soon"/],
  ['device * answer 200 Fine', /status/],
  ['device * answer 410 Unregistered timestamp yesterday', /duration/],
  ['device * answer 429 TooManyRequests retry-after 3s', /whole number, not "3s"/],
  ['device * accept times 0', /times/],
  ['device * accept forever', /"forever" is not understood/],
  ['device * answer 500 InternalServerError then', /what happens to the request is missing/],
  ['device * delay -5s', /duration/],
  ['device * reset error NONSENSE', /not the name of an HTTP\/2 error/],
  ['after some accepted drop', /whole number/],
  ['after 5 delivered drop', /accepted/],
  ['after 5 accepted explode', /none of drop, goaway, streams/],
  ['all latency fast', /duration/],
  ['streams', /number of streams is missing/],
])('"%s" is refused and its line named', (line, problem) => {
  const read = (): unknown => readScript(`device * accept\n\n${line}`);
  expect(read).toThrow(ScriptError);
  expect(read).toThrow(problem);
  expect(read).toThrow(`script line 3 "${line}"`);
});

test('a typed rule with an unknown field is refused and its number named', () => {
  const rule = { device: '*', steps: [{ do: 'accept', retries: 3 }] } as unknown as Rule;
  expect(() => readScript([{ streams: 1 }, rule])).toThrow(/script rule 2 .*retries/);
});
