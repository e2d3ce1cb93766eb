import { expect, test } from '@jest/globals';
import { saysLocked } from './apt.ts';

test.each([
  ['E: Could not get lock /var/lib/apt/lists/lock. It is held by process 812 (apt-get)', true],
  [
    'E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?',
    true,
  ],
  ['E: Unable to lock directory /var/lib/apt/lists/', true],
  ['E: Unable to locate package mariadb-server-core', false],
])('"%s": another apt at work is %s', (output, locked) => {
  expect(saysLocked(output)).toBe(locked);
});
