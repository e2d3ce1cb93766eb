import { afterEach, expect, test } from '@jest/globals';
import { startOpenTelemetry } from '@pushfleet/shared/platform/open-telemetry';
import { pino } from 'pino';
import { range } from '../harness/backend-rows.ts';
import { startOtlpReceiver } from '../harness/otlp-receiver.ts';

const START = 1_750_000_000_000;

afterEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('OTEL_')) delete process.env[name];
});

test.each([
  ['traceidratio', '0.25', 25, 80],
  ['parentbased_traceidratio', '0.25', 25, 80],
  ['always_on', '', 200, 200],
  ['parentbased_always_off', '', 0, 0],
  // What OpenTelemetry does with a sampler that it does not know.
  ['sometimes', '', 200, 200],
])(
  'with the sampler %s %s both processes export the same traces, whole',
  async (sampler, argument, least, most) => {
    const collector = await startOtlpReceiver();
    const environment = {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER: sampler,
      OTEL_TRACES_SAMPLER_ARG: argument,
      OTEL_SERVICE_NAME: 'push',
    };
    const processes = (['producer', 'worker'] as const).map((process) =>
      startOpenTelemetry({
        process,
        version: '1.2.3',
        exporters: ['otlp'],
        protocol: 'http/json',
        environment,
        log: pino({ level: 'silent' }),
      }),
    );
    for (const dispatch of range(1, 200))
      for (const [i, { record }] of processes.entries()) {
        const span = {
          kind: 'internal' as const,
          startedAt: START,
          endedAt: START + 1_000,
          attributes: { dispatch },
        };
        record(
          { fleet: 'f', dispatch },
          { ...span, name: `step ${i}`, parent: i === 0 ? null : '00000000000000aa' },
        );
      }
    await Promise.all(processes.map((one) => one.stop(5_000)));
    const spans = collector.spans();
    await collector.close();
    const sampled = (name: string) =>
      spans.filter((span) => span.name === name).map(({ attributes }) => attributes.dispatch);
    expect(sampled('step 1')).toEqual(sampled('step 0'));
    expect(sampled('step 0').length).toBeGreaterThanOrEqual(least);
    expect(sampled('step 0').length).toBeLessThanOrEqual(most);
    for (const { service, startedAt, endedAt } of spans)
      expect([service, startedAt, endedAt]).toEqual(['push', START, START + 1_000]);
  },
);
