import { expect, test } from '@jest/globals';
import type { ProducerContext } from './producer-context.ts';
import { ProducerMetrics } from './producer-metrics.ts';

function metricsOf(arrays: () => Promise<unknown[][]>) {
  const context = {
    queues: [{ app: { name: 'shop' } }],
    config: {
      PUSHFLEET_APP: 'shop',
      PUSHFLEET_MAX_AGE: 3_600_000,
      PUSHFLEET_TIMEZONE: 'UTC',
      PUSHFLEET_RETIRE_REASONS: ['Unregistered'],
    },
    store: {
      database: { arrays },
      tables: {},
      backend: {
        dueIsTimestamp: false,
        mapping: {
          notification: { table: 'n', id: 'id', due: 'due', sent: 'sent', unsentValue: 0 },
          token: { table: 't', id: 'id', token: 'token', active: 'active' },
        },
      },
    },
    redis: { info: async () => 'used_memory:5\r\nmaxmemory:10\r\n' },
  };
  return new ProducerMetrics(context as unknown as ProducerContext, '1.2.3', 50);
}

test.each([
  ['fails', () => Promise.reject(new Error('gone'))],
  ['falls silent', () => new Promise<never>(() => {})],
])('a MySQL that %s takes its own gauges away and nothing else', async (_, arrays) => {
  let asked = 0;
  const text = await metricsOf(() => {
    asked++;
    return arrays();
  }).text();
  expect(asked).toBeGreaterThan(0);
  for (const line of [
    'pushfleet_source_up{source="mysql"} 0',
    'pushfleet_source_up{source="redis"} 1',
    'pushfleet_redis_memory_bytes 5',
    'pushfleet_redis_memory_limit_bytes 10',
    'pushfleet_build_info{version="1.2.3",process="producer"} 1',
    'pushfleet_retirements_total{app="shop",reason="Unregistered"} 0',
    'pushfleet_rows_skipped_total{cause="invalid"} 0',
  ])
    expect(text).toContain(line);
  expect(text).not.toMatch(/^pushfleet_(backlog_recipients|held_notifications|oldest_due_seconds)/m);
});
