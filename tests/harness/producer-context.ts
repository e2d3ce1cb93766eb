import { randomBytes } from 'node:crypto';
import { loadProducerConfig } from '@pushfleet/app-producer/producer-config';
import type { ProducerContext } from '@pushfleet/app-producer/producer-context';
import { openProducer } from '@pushfleet/app-producer/start-up';
import { pino } from 'pino';
import type { Fleet } from './fleet.ts';

export interface OpenProducer extends ProducerContext {
  close(): Promise<void>;
}

/** What a producer's loops share, so that a test can call one of them at the moment it wants. */
export async function openProducerContext(
  fleet: Fleet,
  settings: Record<string, string> = {},
): Promise<OpenProducer> {
  const config = loadProducerConfig({ ...fleet.environment, ...settings });
  const context = await openProducer(config, pino({ level: process.env.TEST_LOG ?? 'silent' }));
  await context.redis.ping();
  return {
    ...context,
    owner: `test-${randomBytes(3).toString('hex')}`,
    async close() {
      for (const { lanes, results } of context.queues)
        for (const queue of [lanes.urgent, lanes.bulk, results]) await queue.close();
      context.redis.disconnect();
      await context.store.database.close();
    },
  };
}
