import { expect, test } from '@jest/globals';
import { normalizeDeviceToken, whyMalformed } from './device-token.ts';

const hex = 'ab12'.repeat(16);

test.each([
  ['as it is', hex],
  ['upper case', hex.toUpperCase()],
  ['angle brackets and blanks', `<${hex.match(/.{8}/g)!.join(' ')}>`],
  ['a line end', `${hex}\n`],
])('%s is the same device token', (_, stored) => {
  expect(normalizeDeviceToken(stored)).toBe(hex);
});

test.each([
  [null, 'NULL'],
  ['', 'empty'],
  ['<>', 'empty'],
  ['ab', 'too short'],
  [`${hex}a`, 'odd'],
  ["'; DROP TABLE token; --", 'not hexadecimal'],
  [`${hex}zz`, 'not hexadecimal'],
  ['ab'.repeat(201), 'too long'],
])('%j is no device token, and it says why', (stored, why) => {
  expect(normalizeDeviceToken(stored)).toBeNull();
  expect(whyMalformed(stored)).toContain(why);
  if (stored !== null && stored.length > 3) expect(whyMalformed(stored)).not.toContain(stored);
});

test('longer device tokens are taken: Apple does not fix the size', () => {
  expect(normalizeDeviceToken('ab'.repeat(80))).toBe('ab'.repeat(80));
});
