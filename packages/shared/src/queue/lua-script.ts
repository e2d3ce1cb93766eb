import { createHash } from 'node:crypto';
import type { RedisClient } from './redis-connection.ts';

/** A script that Redis runs as one step. Sent by its digest; whole only where Redis does not know it yet. */
export class LuaScript {
  readonly #digest: string;

  constructor(private readonly text: string) {
    this.#digest = createHash('sha1').update(text).digest('hex');
  }

  /** @param keys all in one hash slot */
  async run(
    redis: RedisClient,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown> {
    try {
      return await redis.evalsha(this.#digest, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return redis.eval(this.text, keys.length, ...keys, ...args);
    }
  }
}
