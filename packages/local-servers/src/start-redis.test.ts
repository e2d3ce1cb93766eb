import { expect, test } from '@jest/globals';
import { redisArguments } from './start-redis.ts';

const base = { port: 50_001, data: '/home/me/app/.pushfleet/redis/data', bind: '127.0.0.1' };

test('Redis is append-only, never evicts and listens on the loopback address', () => {
  const line = redisArguments(base).join(' ');
  expect(line).toContain('--appendonly yes --appendfsync everysec --maxmemory-policy noeviction');
  expect(line).toContain('--bind 127.0.0.1 --protected-mode yes');
  expect(line).toContain('--dir /home/me/app/.pushfleet/redis/data');
});

test('options of the caller come last, so that they win', () => {
  const args = redisArguments({ ...base, appendonly: false, extraArgs: ['--maxmemory', '64mb'] });
  expect(args.slice(-2)).toEqual(['--maxmemory', '64mb']);
  expect(args[args.indexOf('--appendonly') + 1]).toBe('no');
});

test('in a container it listens on all its addresses; Docker publishes one', () => {
  expect(redisArguments({ ...base, bind: '0.0.0.0' }).join(' ')).toContain(
    '--bind 0.0.0.0 --protected-mode no',
  );
});
