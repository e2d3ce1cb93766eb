import { expect, test } from '@jest/globals';
import { redisMemory } from './redis-memory.ts';

test.each([
  ['used_memory:1000\r\nused_memory_rss:2000\r\ntotal_system_memory:9000\r\nmaxmemory:4000\r\n', 4_000],
  ['used_memory:1000\r\ntotal_system_memory:9000\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n', 9_000],
  ['used_memory:1000\r\nmaxmemory:0\r\n', null],
])('the limit of a Redis is maxmemory, else its machine', (info, limit) => {
  expect(redisMemory(info)).toEqual({ used: 1_000, limit });
});
