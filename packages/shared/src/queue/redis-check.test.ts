import { EventEmitter } from 'node:events';
import { expect, test } from '@jest/globals';
import { checkRedis, redisFaults } from './redis-check.ts';
import type { RedisClient } from './redis-connection.ts';

const info = (version: string, aof: number, policy: string) =>
  `# Server\r\nredis_version:${version}\r\n# Persistence\r\naof_enabled:${aof}\r\n# Memory\r\nmaxmemory_policy:${policy}\r\n`;

test.each([
  ['7.0.15', 1, 'noeviction', []],
  ['7.0.15', 0, 'noeviction', [/append-only.*appendonly yes/]],
  ['8.2.2', 1, 'allkeys-lru', [/allkeys-lru.*noeviction/]],
  ['5.0.14', 0, 'volatile-ttl', [/5\.0\.14 is too old/, /append-only/, /volatile-ttl/]],
  ['6.2.0', 1, 'noeviction', []],
])('Redis %s with appendonly %i and %s', (version, aof, policy, faults) => {
  expect(redisFaults(info(version, aof, policy))).toEqual(
    faults.map((fault) => expect.stringMatching(fault)),
  );
});

test('a managed Redis that does not tell is believed', () => {
  expect(redisFaults('redis_version:7.1.0\r\n')).toEqual([]);
});

/** A service that lets nobody do more than it must: whatever is not listed here would throw. */
const onlyInfo = (answer: () => string) =>
  Object.assign(new EventEmitter(), {
    status: 'ready',
    info: async () => answer(),
  }) as unknown as RedisClient;

test('a managed Redis that forbids CONFIG is judged all the same: only INFO is asked', async () => {
  await checkRedis(onlyInfo(() => info('7.2.4', 1, 'noeviction')));
  const evicting = checkRedis(onlyInfo(() => info('7.2.4', 1, 'volatile-lru')));
  await expect(evicting).rejects.toThrow(/maxmemory-policy is volatile-lru/);
});

test('one that forbids INFO is refused, with the right that is missing', async () => {
  const refused = checkRedis(
    onlyInfo(() => {
      throw new Error("NOPERM User app has no permissions to run the 'info' command");
    }),
  );
  await expect(refused).rejects.toThrow(/does not let this user do INFO .*deploy\/redis\/acl.conf/);
});

/** What ioredis does while nobody listens at the address. */
class NobodyThere extends EventEmitter {
  status = 'reconnecting';
  async info() {
    this.emit('error', new Error('connect ECONNREFUSED 127.0.0.1:1'));
    throw new Error("Stream isn't writeable and enableOfflineQueue options is false");
  }
}

test('a Redis that is not there is asked for a while, then told with its cause', async () => {
  const startedAt = performance.now();
  const check = checkRedis(new NobodyThere() as unknown as RedisClient, 400);
  await expect(check).rejects.toThrow(/Redis cannot be reached \(connect ECONNREFUSED/);
  expect(performance.now() - startedAt).toBeGreaterThan(250);
});
