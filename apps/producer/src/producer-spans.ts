import { type BatchJob, batchJobId } from '@pushfleet/shared/domain/batch-job';
import { pushDispatch, pushName } from '@pushfleet/shared/domain/operator-push';
import { rootSpanId, sendSpanId } from '@pushfleet/shared/domain/trace-ids';
import { utcInstant } from '@pushfleet/shared/domain/wall-time';
import type { FinishedSpan } from '@pushfleet/shared/platform/tracing';
import { queuePrefix } from '@pushfleet/shared/queue/keys';
import type { Claim, ClaimRequest, FrozenClaim } from '@pushfleet/shared/store/claims';
import type { AudienceCounts, PlannedPage, Planning } from '@pushfleet/shared/store/plans';
import type { Recorded } from '@pushfleet/shared/store/record';
import { readDispatchEndings, readDispatchNames } from '@pushfleet/shared/store/trace-facts';
import type { ProducerContext } from './producer-context.ts';

/*
 * The producer's spans of a dispatch's trace, in the order in which they come. Each is written when its step is
 * over and begins where the step began, at `startedAt` (milliseconds since 1970). Where a step serves a group,
 * each dispatch of it has the span in its own trace.
 */

interface Of {
  readonly dispatchId: number;
  readonly notificationId: string | null;
  readonly app: string;
}

/** The root: claimed and frozen, or found to be invalid. Rows that were withdrawn meanwhile have no trace. */
export function traceClaims(
  context: ProducerContext,
  claims: readonly Claim[],
  requests: ReadonlyMap<string, ClaimRequest>,
  became: {
    readonly frozen: readonly FrozenClaim[];
    readonly invalid: readonly { readonly dispatchId: number }[];
  },
  startedAt: number,
): void {
  if (!context.tracing.isOn) return;
  const appOf = new Map(became.frozen.map(({ dispatchId, app }) => [dispatchId, app]));
  const invalid = new Set(became.invalid.map(({ dispatchId }) => dispatchId));
  for (const { dispatchId, notificationId } of claims) {
    const request = requests.get(notificationId);
    if (request === undefined || !(appOf.has(dispatchId) || invalid.has(dispatchId))) continue;
    const dueAt = utcInstant(request.dueAt);
    const of = { dispatchId, notificationId, app: appOf.get(dispatchId) ?? request.app };
    record(context, of, 'claim', startedAt, {
      id: rootSpanId(tracedOf(context, dispatchId)),
      parent: null,
      attributes: {
        'pushfleet.round': request.round,
        'pushfleet.due_at': new Date(dueAt).toISOString(),
        'pushfleet.overdue_ms': startedAt - dueAt,
      },
      error: invalid.has(dispatchId) ? 'invalid_row' : undefined,
    });
  }
}

/** The root of a push that an operator sends by hand: it has no row and is planned at once. */
export function tracePush(context: ProducerContext, name: string, app: string, startedAt: number): void {
  const dispatchId = pushDispatch(name);
  if (!context.tracing.isOn || dispatchId === null) return;
  const id = rootSpanId(tracedOf(context, dispatchId));
  record(context, { dispatchId, notificationId: null, app }, 'push', startedAt, { id, parent: null });
}

/** The whole audience is planned. Of a planning that was taken over it shows the last producer's part. */
export function tracePlanned(
  context: ProducerContext,
  planning: Planning,
  plan: { readonly lane: string; readonly batches: number; readonly counts: AudienceCounts },
  startedAt: number,
): void {
  if (!context.tracing.isOn) return;
  const { recipients, duplicates, inactive, malformed } = plan.counts;
  record(context, planning, 'plan', startedAt, {
    attributes: {
      'pushfleet.lane': plan.lane,
      'pushfleet.batches': plan.batches,
      'pushfleet.recipients': recipients,
      'pushfleet.audience.duplicates': duplicates,
      'pushfleet.audience.inactive': inactive,
      'pushfleet.audience.malformed': malformed,
    },
  });
}

/** The same of small audiences, which are planned in groups; `saved` are the dispatches that took. */
export function traceSmallPlans(
  context: ProducerContext,
  plans: readonly { readonly planning: Planning; readonly page: PlannedPage }[],
  saved: readonly number[],
  startedAt: number,
): void {
  if (!context.tracing.isOn) return;
  const taken = new Set(saved);
  for (const { planning, page } of plans)
    if (taken.has(planning.dispatchId))
      tracePlanned(context, planning, { ...page, batches: page.batches.length }, startedAt);
}

/** One generation of a batch went to Redis, or may have. The runs of workers are below this span. */
export function traceQueued(
  context: ProducerContext,
  jobs: readonly BatchJob[],
  startedAt: number,
  error?: 'add_unknown',
): void {
  if (!context.tracing.isOn) return;
  for (const job of jobs) {
    const { dispatch, seq, generation, app, lane } = job;
    const of = { dispatchId: dispatch, notificationId: job.notificationId, app };
    record(context, of, `send ${lane}`, startedAt, {
      kind: 'producer',
      id: sendSpanId(tracedOf(context, dispatch), job),
      attributes: {
        ...batchAttributes(job),
        'messaging.system': 'bullmq',
        'messaging.operation.type': 'send',
        'messaging.operation.name': 'send',
        'messaging.destination.name': `${queuePrefix(context.config.PUSHFLEET_REDIS_PREFIX, app)}:${lane}`,
        'messaging.message.id': batchJobId(dispatch, seq, generation),
        'pushfleet.lane': lane,
        'pushfleet.recipients': job.size,
      },
      error,
    });
  }
}

/** What a worker told last of a generation is in MySQL. What it told on the way there has no span. */
export function traceRecorded(
  context: ProducerContext,
  recorded: readonly Recorded[],
  startedAt: number,
): void {
  const last = recorded.filter(({ telling, state }) => telling.ended && state !== 'unknown');
  const endedAt = Date.now();
  lookUp(context, last, async () => {
    const names = await readDispatchNames(context.store, [
      ...new Set(last.map(({ telling }) => telling.dispatchId)),
    ]);
    for (const { telling, state, news } of last) {
      const { dispatchId } = telling;
      const of = names.get(dispatchId);
      if (of === undefined) continue;
      record(context, { dispatchId, ...of }, 'record', startedAt, {
        parent: sendSpanId(tracedOf(context, dispatchId), telling),
        attributes: {
          ...batchAttributes(telling),
          'pushfleet.batch.state': state,
          'pushfleet.recipients.recorded': news.reduce((sum, { count }) => sum + count, 0),
        },
        endedAt,
      });
    }
  });
}

/** Every recipient is settled, and `sent` is set; or a cancelled one is through. With what became of it. */
export function traceSettled(
  context: ProducerContext,
  dispatchIds: readonly number[],
  startedAt: number,
): void {
  const endedAt = Date.now();
  lookUp(context, dispatchIds, async () => {
    for (const ending of await readDispatchEndings(context.store, dispatchIds)) {
      const outcomes = Object.entries(ending.outcomes).map(([name, n]) => [`pushfleet.outcomes.${name}`, n]);
      record(context, ending, 'settle', startedAt, {
        attributes: { 'pushfleet.state': ending.state, ...Object.fromEntries(outcomes) },
        endedAt,
      });
    }
  });
}

/** An operator had it sent again to some: what follows is in the same trace. */
export function traceReplay(
  context: ProducerContext,
  dispatch: Of,
  reopened: number,
  startedAt: number,
): void {
  if (!context.tracing.isOn) return;
  record(context, dispatch, 'replay', startedAt, { attributes: { 'pushfleet.recipients': reopened } });
}

/** Looks up what only spans need, beside the work: nothing waits for it, and where it fails a span is missing. */
function lookUp(context: ProducerContext, about: readonly unknown[], work: () => Promise<void>): void {
  if (context.tracing.isOn && about.length > 0) work().catch(() => {});
}

function tracedOf({ fleet }: ProducerContext, dispatch: number) {
  return { fleet, dispatch };
}

function batchAttributes({ seq, generation }: { readonly seq: number; readonly generation: number }) {
  return { 'pushfleet.batch.seq': seq, 'pushfleet.batch.generation': generation };
}

function record(
  context: ProducerContext,
  { dispatchId, notificationId, app }: Of,
  name: string,
  startedAt: number,
  span: Partial<FinishedSpan>,
): void {
  const of = tracedOf(context, dispatchId);
  context.tracing.record(of, {
    kind: 'internal',
    parent: rootSpanId(of),
    endedAt: Date.now(),
    ...span,
    name,
    startedAt,
    attributes: {
      'pushfleet.notification.id': notificationId ?? pushName(dispatchId),
      'pushfleet.dispatch.id': dispatchId,
      'pushfleet.app': app,
      ...span.attributes,
    },
  });
}
