import { expect, test } from '@jest/globals';
import { packDeviceTokens } from '@pushfleet/shared/domain/batch-job';
import { createHide } from './hidden-text.ts';

const HEX = 'a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f90';
const hide = createHide({ showPayload: false });

test.each([
  ['lower case', HEX],
  ['upper case', HEX.toUpperCase()],
  ['as iOS printed it', `<${HEX.match(/.{8}/g)!.join(' ')}>`],
  ['longer than 32 bytes', HEX + HEX.slice(0, 36)],
  ['base64', Buffer.from(HEX, 'hex').toString('base64')],
  ['packed as in a job', packDeviceTokens([HEX])],
])('a device token is hidden: %s', (_spelling, written) => {
  const said = JSON.stringify(hide({ failedReason: `gave up on ${written}, sorry`, logs: [written] }));
  expect(said).toContain('gave up on');
  for (let at = 0; at + 16 <= HEX.length; at += 8)
    expect(said.replace(/[\s<>]/g, '')).not.toContain(HEX.slice(at, at + 16));
  expect(said).not.toContain(written.slice(4, 20));
});

test('the words around a device token stay', () => {
  expect(hide(`sent to <${HEX}> and ${HEX}a, added`)).toBe('sent to <[hidden]> and [hidden], added');
});

test('a device token is hidden where it is a key', () => {
  expect(JSON.stringify(hide({ failures: { [HEX]: 'BadDeviceToken' } }))).not.toContain(HEX);
});

test('the fields of a job that somebody printed are hidden, also where quotes are escaped twice', () => {
  const job = { ids: 'AQID', tokens: 'BAUG', payload: '{"aps":{"alert":"Your order"}}' };
  const once = JSON.stringify(job);
  for (const text of [once, JSON.stringify(once), `{ tokens: 'BAUG', payload: '{"aps":"Your order"}' }`]) {
    const said = String(hide(`cannot read ${text}`));
    expect(said).toMatch(/^cannot read/);
    expect(said).not.toMatch(/AQID|BAUG|Your order/);
  }
  expect(hide(job)).toEqual({ ids: '[hidden]', tokens: '[hidden]', payload: '[hidden]' });
});

test('the payload is left where it is to be shown', () => {
  const job = { tokens: 'BAUG', payload: 'Your order' };
  expect(createHide({ showPayload: true })(job)).toEqual({ tokens: '[hidden]', payload: 'Your order' });
});

test('a payload that is shown is shown as it is sent, but for what may be a device token', () => {
  const payload = { aps: { alert: 'Your ids: [a] and the rest' }, ids: [1, 2, 3], payload: { tokens: 'x' } };
  const show = createHide({ showPayload: true });
  expect(show({ request: { payload } })).toEqual({ request: { payload } });
  expect(show({ payload: JSON.stringify(payload) })).toEqual({ payload: JSON.stringify(payload) });
  expect(show({ payload: { device: `it is ${HEX}`, [HEX]: 1 } })).toEqual({
    payload: { device: 'it is [hidden]', '[hidden]': 1 },
  });
});

test('what a person needs stays as it is', () => {
  const answer = {
    id: 'r-1042-2-1-550e8400-e29b-41d4-a716-446655440000',
    at: '/usr/local/lib/node/pushfleet/apps/worker/dist/lane/batch/runner',
    numbers: [1, 2.5, null, true],
    when: new Date(0),
    said: '410 Unregistered; 3 payloads, ids: 7',
  };
  expect(hide(answer)).toEqual(answer);
});
