import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from '@jest/globals';
import type { ProducerContext } from '@pushfleet/app-producer/producer-context';
import { ProducerMetrics } from '@pushfleet/app-producer/producer-metrics';
import { createWorkerMetrics } from '@pushfleet/app-worker/worker-metrics';

/** What other people's dashboards rely on. */
const INTERFACE: Readonly<Record<string, readonly string[]>> = {
  pushfleet_due_to_accepted_seconds: [],
  pushfleet_request_seconds: [],
  pushfleet_outcomes_total: ['app', 'outcome', 'reason'],
  pushfleet_retries_total: ['app', 'reason'],
  pushfleet_unanswered_resends_total: ['app'],
  pushfleet_in_flight: ['app'],
  pushfleet_stream_limit: ['app'],
  pushfleet_connection_state: ['app', 'state'],
  pushfleet_connects_total: ['app'],
  pushfleet_queue_recipients: ['app', 'lane', 'state'],
  pushfleet_backlog_recipients: ['app'],
  pushfleet_rate_limit: ['app'],
  pushfleet_paused: ['app', 'cause'],
  pushfleet_held_notifications: [],
  pushfleet_oldest_due_seconds: [],
  pushfleet_rows_skipped_total: ['cause'],
  pushfleet_retirements_total: ['app', 'reason'],
  pushfleet_lost_batches_requeued_total: [],
  pushfleet_credential_expiry_seconds: ['app'],
  pushfleet_last_batch_started_timestamp_seconds: [],
  pushfleet_build_info: ['version', 'process'],
};

let known: Set<string>;

beforeAll(async () => {
  const producer = new ProducerMetrics(
    {
      queues: [],
      config: { PUSHFLEET_RETIRE_REASONS: [] },
      redis: {},
      store: {},
    } as unknown as ProducerContext,
    '1.0.0',
  );
  const worker = createWorkerMetrics({
    app: 'shop',
    version: '1.0.0',
    governor: { state: () => 'ready', streamLimit: () => 1, inFlight: () => 0, connects: () => 1 },
    credentialExpiresAt: undefined,
  });
  const types = [...((await producer.text()) + (await worker.text())).matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  known = new Set(
    types.flatMap(([, name, type]) =>
      type === 'histogram' ? [name!, `${name}_bucket`, `${name}_count`, `${name}_sum`] : [name!],
    ),
  );
});

test('each metric of the interface exists', () => {
  expect(Object.keys(INTERFACE).filter((name) => !known.has(name))).toEqual([]);
});

test.each(['deploy/prometheus/pushfleet.rules.yml', 'deploy/grafana/pushfleet.json'])(
  '%s names only metrics that exist',
  (path) => {
    const names = [...read(path).matchAll(/\b(?:pushfleet|nodejs|process)_[a-z0-9_]+/g)].map(
      ([name]) => name,
    );
    expect(names.length).toBeGreaterThan(10);
    expect([...new Set(names)].filter((name) => !known.has(name))).toEqual([]);
  },
);

test('docs/operations.md has each metric with its labels, and each alert with the section that it points to', () => {
  const text = read('docs/operations.md');
  const rows = new Map(
    [...text.matchAll(/^\| `(pushfleet_\w+)` *\| \w+ *\| ([^|]*)\|/gm)].map(([, name, labels]) => [
      name!,
      labels!.trim(),
    ]),
  );
  for (const [name, labels] of Object.entries(INTERFACE))
    expect([name, rows.get(name)]).toEqual([name, labels.join(', ')]);
  const ours = [...known].filter((name) => /^pushfleet_/.test(name) && !/_(bucket|count|sum)$/.test(name));
  expect([...rows.keys()].sort()).toEqual(ours.sort());
  const sections = [...text.matchAll(/^### (.*)$/gm)].map(([, title]) =>
    title!.toLowerCase().replaceAll(' ', '-'),
  );
  const rules = read('deploy/prometheus/pushfleet.rules.yml');
  const runbooks = [...rules.matchAll(/runbook_url: docs\/operations\.md#(.*)/g)].map(
    ([, anchor]) => anchor!,
  );
  expect(runbooks).toHaveLength(rules.split('- alert:').length - 1);
  expect([...new Set(runbooks)].sort()).toEqual(sections.sort());
});

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}
