import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Context,
  DiagLogLevel,
  diag,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ConsoleSpanExporter,
  type IdGenerator,
  RandomIdGenerator,
  SimpleSpanProcessor,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';
import { type TracedDispatch, traceIdOf } from '../domain/trace-ids.ts';
import type { Environment } from './config.ts';
import { type Log, withoutSecrets } from './log.ts';
import type { FinishedSpan, OtlpProtocol, TracedProcess, TraceExporter, Tracing } from './tracing.ts';

/** How long a stop waits for the collector to take the last spans. */
const LAST_SPANS_MS = 2_000;
/** A collector that is away, or a full queue, is told of so seldom. */
const SAME_TROUBLE_MS = 600_000;

export interface OpenTelemetryOptions extends TracedProcess {
  readonly exporters: readonly TraceExporter[];
  readonly protocol: OtlpProtocol;
  readonly environment: Environment;
  readonly log: Log;
}

/**
 * The only module that knows OpenTelemetry, loaded when traces are asked for. The library itself reads endpoint,
 * headers, sampler, resource, limits and the rest of the OTEL_* names, and spans wait in its
 * bounded queue: what a collector does not take is dropped.
 */
export function startOpenTelemetry(options: OpenTelemetryOptions): Pick<Tracing, 'name' | 'record' | 'stop'> {
  const { environment, log } = options;
  // It reads process.env, where what stands in a `.env` file is not.
  for (const [name, value] of Object.entries(environment))
    if (name.startsWith('OTEL_') && process.env[name] === undefined) process.env[name] = value;
  tellTrouble(log);
  const ids = new GivenIds();
  const provider = new BasicTracerProvider({
    resource: resourceOf(options),
    idGenerator: ids,
    spanProcessors: options.exporters.map((name) =>
      name === 'console'
        ? new SimpleSpanProcessor(new ConsoleSpanExporter())
        : new BatchSpanProcessor(
            tellingFailures(
              options.protocol === 'http/json' ? new JsonExporter() : new ProtobufExporter(),
              log,
            ),
          ),
    ),
  });
  const spans = new SpanWriter(provider.getTracer('pushfleet', options.version), ids);
  return {
    name: 'traces',
    record: (of, span) => spans.write(of, span),
    async stop(remainingMs) {
      const taken = new AbortController();
      const told = provider.shutdown().catch(() => {});
      const late = sleep(Math.min(LAST_SPANS_MS, remainingMs), undefined, { signal: taken.signal });
      await Promise.race([told, late.catch(() => {})]);
      taken.abort();
    },
  };
}

/** What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say wins. */
function resourceOf({ process: name, version }: TracedProcess): Resource {
  return defaultResource()
    .merge(
      resourceFromAttributes({
        'service.name': `pushfleet-${name}`,
        'service.version': version,
        'service.instance.id': `${hostname()}-${process.pid}-${randomBytes(3).toString('hex')}`,
        'host.name': hostname(),
        'process.pid': process.pid,
      }),
    )
    .merge(detectResources({ detectors: [envDetector] }));
}

const KINDS: { readonly [kind in FinishedSpan['kind']]: SpanKind } = {
  internal: SpanKind.INTERNAL,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
  client: SpanKind.CLIENT,
};

/** Writes spans of traces whose ids were computed, as if their parents had been started in this process. */
class SpanWriter {
  constructor(
    private readonly tracer: Tracer,
    private readonly ids: GivenIds,
  ) {}

  write(of: TracedDispatch, { name, kind, id, parent, startedAt, endedAt, attributes, error }: FinishedSpan) {
    const traceId = traceIdOf(of);
    // Every process decides by the trace id, so all agree, also those that never see the root.
    if (!this.#isSampled(traceId)) return;
    const context = parent === null ? ROOT_CONTEXT : contextOf(traceId, parent);
    const options = { kind: KINDS[kind], startTime: startedAt, attributes: { ...attributes } };
    const span = this.ids.use(traceId, id, () => this.tracer.startSpan(name, options, context));
    if (error !== undefined) span.setAttribute('error.type', error).setStatus({ code: SpanStatusCode.ERROR });
    // A clock that was set back must not turn a span round.
    span.end(Math.max(startedAt, endedAt));
  }

  /** Asks the configured sampler what it says to a root with this trace id; the span is dropped. */
  #isSampled(traceId: string): boolean {
    return this.ids
      .use(traceId, undefined, () => this.tracer.startSpan('sampled?', {}, ROOT_CONTEXT))
      .isRecording();
  }
}

function contextOf(traceId: string, spanId: string): Context {
  return trace.setSpanContext(ROOT_CONTEXT, {
    traceId,
    spanId,
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  });
}

/** Hands out the ids that were given for the span that is made at the moment. */
class GivenIds implements IdGenerator {
  readonly #random = new RandomIdGenerator();
  #traceId: string | undefined;
  #spanId: string | undefined;

  use<T>(traceId: string, spanId: string | undefined, make: () => T): T {
    this.#traceId = traceId;
    this.#spanId = spanId;
    try {
      return make();
    } finally {
      this.#traceId = this.#spanId = undefined;
    }
  }

  generateTraceId(): string {
    return this.#traceId ?? this.#random.generateTraceId();
  }

  generateSpanId(): string {
    return this.#spanId ?? this.#random.generateSpanId();
  }
}

/** Logs that a collector takes nothing, once in a while; the processor would log each failure, with a stack. */
function tellingFailures(exporter: SpanExporter, log: Log): SpanExporter {
  let toldAt = Number.NEGATIVE_INFINITY;
  let lost = 0;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        if (result.code === 0) return done(result);
        lost += spans.length;
        const now = performance.now();
        if (now - toldAt >= SAME_TROUBLE_MS) {
          log.warn(
            { event: 'traces.lost', spans: lost, err: result.error },
            'the collector does not take traces; they are dropped, pushes go on',
          );
          toldAt = now;
          lost = 0;
        }
        done({ code: 0 });
      });
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}

/** What the library has to say: settings that it cannot read, spans that its queue has no room for. */
function tellTrouble(log: Log): void {
  const toldAt = new Map<string, number>();
  const tell = (message: string) => {
    const kind = message.replace(/\d+/g, '');
    const now = performance.now();
    if (now - (toldAt.get(kind) ?? Number.NEGATIVE_INFINITY) < SAME_TROUBLE_MS) return;
    if (toldAt.size > 100) toldAt.clear();
    toldAt.set(kind, now);
    log.warn({ event: 'traces.trouble', why: withoutSecrets(message) }, 'OpenTelemetry reports');
  };
  const silent = () => {};
  diag.setLogger(
    { error: tell, warn: tell, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
}
