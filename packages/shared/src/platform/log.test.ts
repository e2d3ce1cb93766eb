import { expect, test } from '@jest/globals';
import { describeError, withoutSecrets } from './log.ts';

const TOKEN = 'a1'.repeat(32);

test.each([
  [`device ${TOKEN} is unknown`, 'device [hex] is unknown'],
  [`device ${TOKEN.toUpperCase()}`, 'device [hex]'],
  [`device <${TOKEN.match(/.{8}/g)!.join(' ')}>`, 'device <[hex]>'],
  [`device ${Buffer.from(TOKEN, 'hex').toString('base64')}`, 'device [base64]'],
  ['cannot open redis://user:pa@ss:w@host:6379/0', 'cannot open redis://[hidden]@host:6379/0'],
  ["Duplicate entry 'it's me' for key 'PRIMARY'", "Duplicate entry [hidden] for key 'PRIMARY'"],
  [
    "Incorrect string value: '\\xF0' for column 'a' at row 1",
    "Incorrect string value: [hidden] for column 'a' at row 1",
  ],
  [
    "ERR unknown command 'FOO', with args beginning with: 'secret' 'more' ",
    "ERR unknown command 'FOO', with args beginning with: [hidden]",
  ],
  [
    '/opt/pushfleet/node_modules/bullmq/dist/esm/classes/job.js',
    '/opt/pushfleet/node_modules/bullmq/dist/esm/classes/job.js',
  ],
  ['0a1b2c3d-0000-8000-8000-00000000002a', '0a1b2c3d-0000-8000-8000-00000000002a'],
])('%s', (text, told) => {
  expect(withoutSecrets(text)).toBe(told);
});

test("Node's quotation of JSON that cannot be parsed is left out", () => {
  for (const text of ['your code is 12345', '{"a": secret words of somebody', '[1,2']) {
    let message = '';
    try {
      JSON.parse(text);
    } catch (error) {
      message = withoutSecrets((error as Error).message);
    }
    expect(message).toContain('JSON');
    expect(message).not.toMatch(/your|12345|secret|somebody/);
  }
});

test("an error's own fields are left out, its cause is described, a missing right has a mend", () => {
  const cause = Object.assign(new Error('UPDATE command denied'), { errno: 1142, sql: `UPDATE ${TOKEN}` });
  const told = JSON.stringify(describeError(new Error('it failed', { cause })));
  expect(told).not.toContain(TOKEN);
  expect(told).toContain('deploy/grants');
});
