import { expect, test } from '@jest/globals';
import { mysqlArguments, socketPathFor } from './mysql-arguments.ts';

const options = {
  flavour: 'mariadb' as const,
  directory: '/home/me/app/.pushfleet/mysql',
  port: 50_002,
  asRoot: false,
  fast: false,
  bufferPool: '64M',
  extraArgs: [],
};

test('no option file has a say, and the server listens on the loopback address', () => {
  const args = mysqlArguments(options);
  expect(args[0]).toBe('--no-defaults');
  expect(args).toEqual(expect.arrayContaining(['--bind-address=127.0.0.1', '--port=50002']));
  expect(args).not.toContain('--user=root');
});

test('root, the flavour and haste each add their options; those of the caller come last', () => {
  const args = mysqlArguments({ ...options, asRoot: true, fast: true, extraArgs: ['--sql-mode=ANSI'] });
  expect(args).toEqual(
    expect.arrayContaining(['--user=root', '--skip-name-resolve', '--innodb-flush-log-at-trx-commit=2']),
  );
  expect(args.at(-1)).toBe('--sql-mode=ANSI');
});

test('MySQL must resolve localhost, since its only root is root@localhost, and opens no second port', () => {
  const args = mysqlArguments({ ...options, flavour: 'mysql' });
  expect(args).not.toContain('--skip-name-resolve');
  expect(args).toContain('--mysqlx=OFF');
});

test('a socket path that the kernel would refuse is replaced by a short one, the same every time', () => {
  expect(socketPathFor('/home/me/app')).toBe('/home/me/app/mysql.sock');
  const deep = `/home/${'d'.repeat(100)}`;
  const short = socketPathFor(deep, '/tmp');
  expect(short).toMatch(/^\/tmp\/pushfleet-[0-9a-f]{12}\.sock$/);
  expect(socketPathFor(deep, '/tmp')).toBe(short);
  expect(socketPathFor(deep, `/${'t'.repeat(100)}`)).toBe(short);
});
