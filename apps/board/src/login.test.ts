import { expect, test } from '@jest/globals';
import { isLogin, loginFaults, namesThisMachine } from './login.ts';

const login = { PUSHFLEET_BOARD_USER: 'ops', PUSHFLEET_BOARD_PASSWORD: 'secret' };

test.each([
  ['a login at any address', { PUSHFLEET_BOARD_HOST: '0.0.0.0', ...login }, []],
  ['no login at loopback', { PUSHFLEET_BOARD_HOST: '127.0.0.1' }, []],
  ['no login at localhost', { PUSHFLEET_BOARD_HOST: 'localhost' }, []],
  ['no login at ::1', { PUSHFLEET_BOARD_HOST: '::1' }, []],
  ['no login at every address', { PUSHFLEET_BOARD_HOST: '0.0.0.0' }, ['PUSHFLEET_BOARD_PASSWORD is missing']],
  [
    'no login at a name that only begins like loopback',
    { PUSHFLEET_BOARD_HOST: '127.example.com' },
    ['is missing'],
  ],
  [
    'a user alone, even at loopback',
    { PUSHFLEET_BOARD_USER: 'ops' },
    ['PUSHFLEET_BOARD_PASSWORD is missing'],
  ],
  ['a password alone', { PUSHFLEET_BOARD_PASSWORD: 'secret' }, ['PUSHFLEET_BOARD_USER is missing']],
  ['a colon in the user', { ...login, PUSHFLEET_BOARD_USER: 'o:ps' }, ['must not hold a colon']],
])('configured: %s', (_case, settings, faults) => {
  expect(loginFaults(settings)).toEqual(faults.map((fault) => expect.stringContaining(fault)));
});

test('only user and password together are a login', () => {
  const known = { user: 'ops', password: 'secret' };
  expect(isLogin(known, 'ops', 'secret')).toBe(true);
  expect(isLogin(known, 'ops', 'secret2')).toBe(false);
  expect(isLogin(known, 'Ops', 'secret')).toBe(false);
  expect(isLogin(known, '', '')).toBe(false);
});

test.each([
  ['localhost:3100', true],
  ['127.0.0.1', true],
  ['[::1]:3100', true],
  ['rebound.example:3100', false],
  ['127.0.0.1.example', false],
  [undefined, false],
])('a request for host %s names this machine: %s', (host, expected) => {
  expect(namesThisMachine(host)).toBe(expected);
});
