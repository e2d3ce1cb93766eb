import { expect, test } from '@jest/globals';
import { judgeOccupant } from './left-over.ts';

const record = { pid: 900, startedBy: 800 };
const commandLine = '/usr/sbin/mariadbd --no-defaults --datadir=/home/me/app/.pushfleet/mysql/data';

test.each([
  ['nothing runs under that pid', undefined, 'none'],
  ['the pid went to a stranger', { pid: 900, parentPid: 1, commandLine: '/usr/sbin/sshd -D' }, 'none'],
  ['its parent lives', { pid: 900, parentPid: 800, commandLine }, 'in use'],
  ['its parent is gone', { pid: 900, parentPid: 1, commandLine }, 'left over'],
] as const)('%s', (_case, entry, occupant) => {
  expect(judgeOccupant(record, entry, '/home/me/app/.pushfleet/mysql')).toBe(occupant);
});

test('the server of another directory is left alone', () => {
  expect(
    judgeOccupant(record, { pid: 900, parentPid: 1, commandLine }, '/home/me/other/.pushfleet/mysql'),
  ).toBe('none');
});

test('a directory whose name only begins the same is another directory', () => {
  expect(judgeOccupant(record, { pid: 900, parentPid: 1, commandLine }, '/home/me/app/.pushfleet/my')).toBe(
    'none',
  );
});
