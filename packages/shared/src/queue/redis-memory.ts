import { Cluster } from 'ioredis';
import type { RedisClient } from './redis-connection.ts';

/** Memory of a Redis, in bytes. */
export interface RedisMemory {
  readonly used: number;
  /** `maxmemory`, or the memory of its machine where none is set; null where Redis tells neither. */
  readonly limit: number | null;
}

/**
 * Asks Redis for its memory; of a cluster the node that is nearest to its limit answers.
 * @throws what Redis throws
 */
export async function readRedisMemory(redis: RedisClient): Promise<RedisMemory> {
  const nodes = redis instanceof Cluster ? redis.nodes('master') : [redis];
  const all = await Promise.all(nodes.map(async (node) => redisMemory(await node.info('memory'))));
  const share = ({ used, limit }: RedisMemory) => (limit === null ? 0 : used / limit);
  return all.reduce((fullest, one) => (share(one) > share(fullest) ? one : fullest));
}

/** Reads the section "memory" of INFO. */
export function redisMemory(info: string): RedisMemory {
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  return {
    used: field('used_memory'),
    limit: field('maxmemory') || field('total_system_memory') || null,
  };
}
