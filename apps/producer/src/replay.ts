import { defaultLifetimeMs } from '@pushfleet/shared/domain/due-window';
import { readUnrecordedBatches } from '@pushfleet/shared/queue/lost-jobs';
import { withdrawJobs } from '@pushfleet/shared/queue/withdraw-jobs';
import type { Command, CommandResult } from '@pushfleet/shared/store/commands';
import { givenId } from '@pushfleet/shared/store/given-id';
import {
  type ReplayableDispatch,
  type ReplayBatch,
  type ReplayChoice,
  readReplayable,
  readReplayBatches,
  replayBatches,
} from '@pushfleet/shared/store/replay';
import type { AppQueues, ProducerContext } from './producer-context.ts';
import { traceReplay } from './producer-spans.ts';

const BATCHES_AT_ONCE = 100;

export type ReplayCommand = Extract<Command, { verb: 'replay' }>;

/**
 * Sends again to recipients with the chosen outcomes. The job that failed goes out of Redis first, as a person
 * could retry it there beside the new one; then MySQL opens the recipients. A batch that a worker holds, or
 * whose result is still to be recorded, is left: who is accepted by it must not get it twice.
 */
export async function replay(
  context: ProducerContext,
  commandId: number,
  command: ReplayCommand,
): Promise<CommandResult> {
  const { store, redis, queues } = context;
  const id = givenId(store.backend.notificationId, command.notificationId);
  const dispatch = id === null ? null : await readReplayable(store, id);
  if (dispatch === null)
    return failure(`there is no notification ${command.notificationId} that was sent, so none to replay`);
  if (!dispatch.replayable)
    return failure(
      `notification ${command.notificationId} is ${dispatch.state === 'cancelled' ? 'still being cancelled' : dispatch.state}; replay it when it has ended`,
    );
  const own = queues.find(({ app }) => app.name === dispatch.app);
  if (own === undefined) return failure(`the app ${dispatch.app} is not configured; nothing was replayed`);
  if (redis.status !== 'ready')
    return failure('Redis cannot be reached; nothing was replayed, ask again when it is back');
  const startedAt = Date.now();
  const { reopened, busy } = await replayAll(context, own, dispatch, commandId, command);
  if (reopened === 0)
    return failure(
      busy > 0
        ? `what was chosen of notification ${command.notificationId} is being retried at this moment; nothing was replayed`
        : `notification ${command.notificationId} has nobody to send to again with this choice; nothing was replayed`,
    );
  traceReplay(context, dispatch, reopened, startedAt);
  const notes = [
    busy > 0 ? `${busy} batches are being retried at this moment and were left alone` : '',
    dispatch.planned
      ? ''
      : 'it was cancelled before its whole audience was planned; the rest of it gets nothing',
  ].filter((note) => note !== '');
  return {
    succeeded: true,
    result: [
      `notification ${command.notificationId} is sent again to ${reopened} recipient${reopened === 1 ? '' : 's'}`,
      ...notes,
    ].join('; '),
  };
}

async function replayAll(
  context: ProducerContext,
  own: AppQueues,
  { dispatchId }: ReplayableDispatch,
  commandId: number,
  choice: ReplayChoice,
): Promise<{ reopened: number; busy: number }> {
  const { store, config } = context;
  let reopened = 0;
  let busy = 0;
  for (let after = -1; ; ) {
    const page = await readReplayBatches(store, dispatchId, choice, commandId, after, BATCHES_AT_ONCE);
    const free = await withoutBusy(context, own, page);
    busy += page.length - free.length;
    reopened += await replayBatches(
      store,
      dispatchId,
      free,
      choice,
      defaultLifetimeMs(config.PUSHFLEET_MAX_AGE),
    );
    if (page.length < BATCHES_AT_ONCE) return { reopened, busy };
    after = page.at(-1)!.seq;
  }
}

/** Job first, then results, then MySQL by compare-and-set: in any other order an answer could slip through. */
async function withoutBusy(
  { redis }: ProducerContext,
  own: AppQueues,
  batches: readonly ReplayBatch[],
): Promise<ReplayBatch[]> {
  if (batches.length === 0) return [];
  const withdrawn = await withdrawJobs(redis, Object.values(own.lanes), batches);
  const unrecorded = await readUnrecordedBatches(redis, own.results);
  return batches.filter(
    ({ dispatchId, seq }, i) => withdrawn[i]!.kind !== 'running' && !unrecorded.has(`${dispatchId}-${seq}`),
  );
}

function failure(result: string): CommandResult {
  return { succeeded: false, result };
}
