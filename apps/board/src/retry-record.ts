import type { Log } from '@pushfleet/shared/platform/log';
import { logDone } from '@pushfleet/shared/store/command-log';
import type { OverviewOptions } from './overview/overview-routes.ts';

export interface RetryRecordOptions {
  /** Null where the board has no MySQL: then its own log is the record. */
  readonly fleet: OverviewOptions['fleet'];
  readonly user: string;
  readonly log: Log;
}

/**
 * A retry in Bull Board goes to Redis at once, and no producer carries it out. It is written into the operators' log
 * like all other changes, and before it is done: one that cannot be written is not done.
 *
 * @param params of Bull Board's route: a queue, and one job or a state
 */
export async function recordRetry(
  { fleet, user, log }: RetryRecordOptions,
  params: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { queueName, jobId, queueStatus } = params;
  const jobs = `${queueName}: ${jobId ?? `all ${queueStatus}`}`;
  if (fleet !== null)
    await logDone(await fleet.store(), 'retryJobs', { jobs }, `board: ${user}`, 'given to Bull Board');
  log.info({ event: 'board.retried', jobs, by: user }, 'jobs are retried in Bull Board');
}
