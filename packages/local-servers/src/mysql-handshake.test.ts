import { expect, test } from '@jest/globals';
import { parseHandshake } from './mysql-handshake.ts';

function packet(payload: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUIntLE(payload.length, 0, 3);
  return Buffer.concat([header, payload]);
}

const greeting = packet(Buffer.from('\n10.11.19-MariaDB\0rest of the greeting', 'latin1'));

test('a greeting tells the version', () => {
  expect(parseHandshake(greeting)).toEqual({ kind: 'greeting', version: '10.11.19-MariaDB' });
});

test('every beginning of a greeting is incomplete', () => {
  for (let length = 0; length < greeting.length; length++) {
    expect(parseHandshake(greeting.subarray(0, length))).toEqual({ kind: 'incomplete' });
  }
});

test('a refusal is not a greeting', () => {
  const tooMany = packet(Buffer.from([0xff, 0x10, 0x04, ...Buffer.from('Too many connections')]));
  expect(parseHandshake(tooMany)).toEqual({ kind: 'refusal', code: 1040 });
});
