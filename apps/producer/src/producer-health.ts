import type { HealthSources } from '@pushfleet/shared/platform/health-server';
import type { Loop } from '@pushfleet/shared/platform/loop';
import type { RedisClient } from '@pushfleet/shared/queue/redis-connection';

/** What is still in disorder after so long does not mend itself in this process. */
const PATIENCE_MS = 60_000;

export interface ProducerHealthSources {
  readonly redis: Pick<RedisClient, 'status' | 'on'>;
  readonly loops: readonly Pick<Loop, 'name' | 'failingForMs'>[];
  /** Null, or that results are not recorded. */
  readonly stuck: () => string | null;
  readonly metrics: () => Promise<string>;
  /** Documents of further paths. */
  readonly json?: HealthSources['json'];
}

/**
 * Ready: Redis can be reached. Live: it does its work. A process that stands there while each of its looks
 * into MySQL fails, or that Redis has not heard of for a minute, is to be restarted.
 */
export function producerHealth(
  { redis, loops, stuck, metrics, json }: ProducerHealthSources,
  patienceMs = PATIENCE_MS,
): HealthSources {
  let awaySince = redis.status === 'ready' ? null : performance.now();
  redis.on('ready', () => {
    awaySince = null;
  });
  redis.on('close', () => {
    awaySince ??= performance.now();
  });
  const seconds = (ms: number) => `${Math.round(ms / 1_000)} s`;
  return {
    live() {
      const failing = loops.find((loop) => loop.failingForMs() > patienceMs);
      if (failing !== undefined)
        return `the loop "${failing.name}" has failed for ${seconds(failing.failingForMs())}`;
      const awayMs = redis.status === 'ready' || awaySince === null ? 0 : performance.now() - awaySince;
      if (awayMs > patienceMs) return `Redis could not be reached for ${seconds(awayMs)}`;
      return stuck();
    },
    ready: () => (redis.status === 'ready' ? null : 'Redis cannot be reached'),
    metrics,
    ...(json !== undefined && { json }),
  };
}
