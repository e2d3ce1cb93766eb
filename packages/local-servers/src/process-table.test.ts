import { expect, test } from '@jest/globals';
import { listProcesses, lookUpProcess, parsePs } from './process-table.ts';

test('this process is in the table, under its parent', () => {
  expect(lookUpProcess(process.pid)).toMatchObject({ pid: process.pid, parentPid: process.ppid });
  expect(listProcesses().map((entry) => entry.pid)).toContain(process.pid);
});

test('a pid that nobody has is not found', () => {
  expect(lookUpProcess(2 ** 22 + 1)).toBeUndefined();
});

test('the lines of ps are read, blanks in a command line included', () => {
  expect(parsePs('    1     0 /sbin/launchd\n  512     1 redis-server --dir /a b/data\n')).toEqual([
    { pid: 1, parentPid: 0, commandLine: '/sbin/launchd' },
    { pid: 512, parentPid: 1, commandLine: 'redis-server --dir /a b/data' },
  ]);
});
