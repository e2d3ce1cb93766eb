import { expect, test } from '@jest/globals';
import { wishForTraces } from './tracing.ts';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

test.each([
  ['nothing is set', {}, []],
  ['an endpoint is set', ENDPOINT, ['otlp']],
  ['an endpoint of traces alone is set', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://c/' }, ['otlp']],
  ['an endpoint of metrics alone is set', { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://c/' }, []],
  ['an endpoint is empty, as compose passes it', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }, []],
  ['the exporter is named', { OTEL_TRACES_EXPORTER: 'otlp' }, ['otlp']],
  ['two are named', { OTEL_TRACES_EXPORTER: 'otlp, console' }, ['otlp', 'console']],
  ['none is wanted', { ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }, []],
  ['all is disabled', { ...ENDPOINT, OTEL_SDK_DISABLED: 'True' }, []],
  ['disabled is not true', { ...ENDPOINT, OTEL_SDK_DISABLED: '1' }, ['otlp']],
])('traces where %s', (_when, environment, exporters) => {
  expect(wishForTraces(environment)).toMatchObject({ exporters, faults: [] });
});

test.each([
  [{}, 'http/protobuf'],
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }, 'http/json'],
  [
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf' },
    'http/protobuf',
  ],
])('with %j they go out as %s', (environment, protocol) => {
  expect(wishForTraces({ ...ENDPOINT, ...environment }).protocol).toBe(protocol);
});

test('what is not supported is told with what to set, and exports nothing', () => {
  const grpc = wishForTraces({ ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
  expect(grpc.exporters).toEqual([]);
  expect(grpc.faults.join()).toMatch(/grpc is not supported; set it to http\/protobuf/);
  const zipkin = wishForTraces({ ...ENDPOINT, OTEL_TRACES_EXPORTER: 'zipkin,otlp' });
  expect(zipkin.exporters).toEqual(['otlp']);
  expect(zipkin.faults.join()).toMatch(/zipkin is not supported/);
});
