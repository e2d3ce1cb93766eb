import { expect, test } from '@jest/globals';
import { apnsId } from './apns-id.ts';

test('an integer token id and its dispatch can be read in the apns-id', () => {
  expect(apnsId(0x2a, '255')).toBe('00000000-002a-8000-8000-0000000000ff');
});

test.each(['255', '9223372036854775807', '01J8ZQ4Y3NB1Q6W6C5QYV9M0WD', 'ffffffffffffffffffffffffffffffff'])(
  'the apns-id of %s is a lower-case UUID of version 8, the same each time',
  (tokenId) => {
    const id = apnsId(2 ** 40, tokenId);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(apnsId(2 ** 40, tokenId)).toBe(id);
  },
);

test('two recipients never share an apns-id', () => {
  const ids = new Set(Array.from({ length: 5000 }, (_, i) => apnsId(7, String(i * 977))));
  expect(ids.size).toBe(5000);
});
