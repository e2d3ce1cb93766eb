import { Cluster } from 'ioredis';
import type { RedisClient } from './redis-connection.ts';

/**
 * Which run of a Redis server a connection leads to. Redis draws a new `run_id` at each start, and whoever
 * takes over in a failover has another one (https://redis.io/docs/latest/commands/info/).
 */
export class ServerRun {
  #id: string | null = null;

  constructor(private readonly redis: RedisClient) {
    // The next connection may lead to another server, or to the same one with older data.
    redis.on('close', () => {
      this.#id = null;
    });
  }

  /**
   * The `run_id`; null in a Cluster, whose connection leads to many servers, and where INFO does not tell it.
   *
   * @throws Error when Redis does not answer
   */
  async id(): Promise<string | null> {
    if (this.redis instanceof Cluster) return null;
    if (this.#id !== null) return this.#id;
    const id = /^run_id:(\S+)/m.exec(await this.redis.info('server'))?.[1] ?? null;
    // A connection that closed meanwhile has told of a server that is not there any more.
    if (this.redis.status === 'ready') this.#id = id;
    return id;
  }
}
