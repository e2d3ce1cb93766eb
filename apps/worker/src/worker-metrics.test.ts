import { expect, test } from '@jest/globals';
import { createWorkerMetrics } from './worker-metrics.ts';

test('the metrics have the names of the interface, and only known reasons as labels', async () => {
  const metrics = createWorkerMetrics({
    app: 'shop',
    version: '1.2.3',
    governor: { state: () => 'ready', streamLimit: () => 1_000, inFlight: () => 7, connects: () => 2 },
    credentialExpiresAt: new Date(Date.now() + 3_600_000),
  });
  metrics.batchStarted('urgent');
  metrics.answered({ answered: true, status: 200, reason: '' }, 'accepted', '', 12, performance.now());
  metrics.settled('accepted', '', 1, 400);
  metrics.settled('retired', 'Unregistered', 1, 0);
  metrics.settled('rejected', 'AReasonAppleAddsLater', 1, 0);
  metrics.answered(
    { answered: true, status: 503, reason: 'ServiceUnavailable' },
    'retry',
    'ServiceUnavailable',
    5,
    performance.now(),
  );
  metrics.resentUnanswered();
  const text = await metrics.text();
  for (const line of [
    'pushfleet_outcomes_total{app="shop",outcome="accepted",reason=""} 1',
    'pushfleet_outcomes_total{app="shop",outcome="retired",reason="Unregistered"} 1',
    'pushfleet_outcomes_total{app="shop",outcome="rejected",reason="other"} 1',
    'pushfleet_retries_total{app="shop",reason="ServiceUnavailable"} 1',
    'pushfleet_unanswered_resends_total{app="shop"} 1',
    'pushfleet_in_flight{app="shop"} 7',
    'pushfleet_stream_limit{app="shop"} 1000',
    'pushfleet_connection_state{app="shop",state="ready"} 1',
    'pushfleet_connection_state{app="shop",state="connecting"} 0',
    'pushfleet_connects_total{app="shop"} 2',
    '# TYPE pushfleet_request_seconds histogram',
    'pushfleet_request_seconds_bucket{le="0.005"} 1',
    'pushfleet_request_seconds_bucket{le="0.01"} 1',
    'pushfleet_request_seconds_bucket{le="0.025"} 2',
    'pushfleet_request_seconds_bucket{le="+Inf"} 2',
    'pushfleet_request_seconds_sum 0.017',
    'pushfleet_request_seconds_count 2',
    'pushfleet_due_to_accepted_seconds_bucket{le="0.5"} 1',
    'pushfleet_build_info{version="1.2.3",process="worker"} 1',
  ])
    expect(text).toContain(line);
  expect(text).toMatch(/pushfleet_credential_expiry_seconds\{app="shop"\} 3[56]\d\d/);
  expect(text).toMatch(/pushfleet_last_batch_started_timestamp_seconds 1/);
  expect(text).toContain('process_resident_memory_bytes');
  expect(await metrics.text()).toContain('pushfleet_connects_total{app="shop"} 2');
});

test('a key does not end', async () => {
  const metrics = createWorkerMetrics({
    app: 'shop',
    version: '1.2.3',
    governor: { state: () => 'ready', streamLimit: () => 1_000, inFlight: () => 0, connects: () => 1 },
    credentialExpiresAt: undefined,
  });
  expect(await metrics.text()).toContain('pushfleet_credential_expiry_seconds{app="shop"} +Inf');
});
