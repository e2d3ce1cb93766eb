import { type TracedDispatch, traceIdOf } from '../domain/trace-ids.ts';
import type { Environment } from './config.ts';
import type { Log } from './log.ts';
import type { Stoppable } from './stop.ts';

/** One step of a dispatch that is over. Never a device token, a payload or a text of a row. */
export interface FinishedSpan {
  readonly name: string;
  readonly kind: 'internal' | 'producer' | 'consumer' | 'client';
  /** Its span id where others must find it (`domain/trace-ids`); else one is drawn. */
  readonly id?: string;
  /** Span id of the step that it belongs to; null for the root of the trace. */
  readonly parent: string | null;
  /** Milliseconds since 1970; fractions count. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attributes: { readonly [name: string]: string | number | boolean | undefined };
  /** Why it failed, in one word of a closed list. */
  readonly error?: string;
}

/** Where spans go. Spans are written when their step is over, so that nothing is held and nothing waits for them. */
export interface Tracing extends Stoppable {
  /** False: nobody asked for traces, and what only they need is not to be looked up. */
  readonly isOn: boolean;
  record(of: TracedDispatch, span: FinishedSpan): void;
  /** What a log line about the dispatch holds besides. */
  logFields(of: TracedDispatch): { readonly trace_id?: string };
}

export const NO_TRACING: Tracing = {
  name: 'traces',
  isOn: false,
  record() {},
  logFields: () => ({}),
  stop: async () => {},
};

export interface TracedProcess {
  readonly process: 'producer' | 'worker';
  readonly version: string;
}

/**
 * Tracing as the OTEL_* names of the environment ask for it. Without them nothing of OpenTelemetry is loaded. What they
 * ask for in vain is logged and no reason not to start: pushes matter more than their traces.
 */
export async function openTracing(of: TracedProcess, environment: Environment, log: Log): Promise<Tracing> {
  const { exporters, protocol, faults } = wishForTraces(environment);
  for (const why of faults)
    log.warn({ event: 'traces.unsupported', why }, 'a setting for traces cannot be followed');
  if (exporters.length === 0) return NO_TRACING;
  const { startOpenTelemetry } = await import('./open-telemetry.ts');
  const telemetry = startOpenTelemetry({ ...of, exporters, protocol, environment, log });
  log.info({ event: 'traces.on', exporters, protocol }, 'traces are exported');
  return { ...telemetry, isOn: true, logFields: (dispatch) => ({ trace_id: traceIdOf(dispatch) }) };
}

export type TraceExporter = 'otlp' | 'console';
export type OtlpProtocol = 'http/protobuf' | 'http/json';

export interface WishForTraces {
  /** Empty: no traces. */
  readonly exporters: readonly TraceExporter[];
  readonly protocol: OtlpProtocol;
  /** What was asked for and is not there. */
  readonly faults: readonly string[];
}

/**
 * What OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER, the endpoints and protocols of OTEL_EXPORTER_OTLP_… ask for, by
 * OpenTelemetry's specification; with one difference: there the default exporter is `otlp`, here it is
 * none until an endpoint or an exporter is named.
 */
export function wishForTraces(environment: Environment): WishForTraces {
  const off: WishForTraces = { exporters: [], protocol: 'http/protobuf', faults: [] };
  const setting = (name: string) => environment[name]?.trim() || undefined;
  if (setting('OTEL_SDK_DISABLED')?.toLowerCase() === 'true') return off;
  const endpoint = setting('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? setting('OTEL_EXPORTER_OTLP_ENDPOINT');
  const asked = setting('OTEL_TRACES_EXPORTER') ?? (endpoint === undefined ? 'none' : 'otlp');
  const names = asked.split(',').map((name) => name.trim());
  if (names.includes('none')) return off;

  const protocol =
    setting('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL') ?? setting('OTEL_EXPORTER_OTLP_PROTOCOL') ?? off.protocol;
  const faults = names
    .filter((name) => !isExporter(name))
    .map((name) => `OTEL_TRACES_EXPORTER: ${name} is not supported; otlp, console and none are`);
  const exporters = [...new Set(names.filter(isExporter))];
  if (isProtocol(protocol)) return { exporters, protocol, faults };
  return {
    ...off,
    exporters: exporters.filter((name) => name !== 'otlp'),
    faults: [
      ...faults,
      `OTEL_EXPORTER_OTLP_PROTOCOL: ${protocol} is not supported; set it to http/protobuf, and the endpoint to the collector's port for it (mostly 4318)`,
    ],
  };
}

function isExporter(name: string): name is TraceExporter {
  return name === 'otlp' || name === 'console';
}

function isProtocol(name: string): name is OtlpProtocol {
  return name === 'http/protobuf' || name === 'http/json';
}
