import * as crypto from 'node:crypto';
import { expect, jest, test } from '@jest/globals';

const timingSafeEqual = jest.fn(crypto.timingSafeEqual);
jest.unstable_mockModule('node:crypto', () => ({ ...crypto, timingSafeEqual }));
const { isLogin } = await import('./login.ts');

test.each([
  ['both right', 'ops', 'secret'],
  ['a wrong user', 'x', 'secret'],
  ['a wrong password that begins like the right one', 'ops', 'secre'],
  ['nothing right, of other lengths', '', 'a very much longer password'],
])(
  '%s: user and password are both compared, each time as many bytes, so the time tells nothing',
  (_case, user, password) => {
    timingSafeEqual.mockClear();
    isLogin({ user: 'ops', password: 'secret' }, user, password);
    expect(timingSafeEqual.mock.calls.map((sides) => sides.map(({ byteLength }) => byteLength))).toEqual([
      [32, 32],
      [32, 32],
    ]);
  },
);
