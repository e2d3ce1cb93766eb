import type { Lane } from '@pushfleet/shared/domain/lanes';
import type { Log } from '@pushfleet/shared/platform/log';
import { BatchRun } from '../batch/batch-run.ts';
import { openBatch } from '../batch/open-batch.ts';
import type { SendingParts } from '../batch/sending-parts.ts';
import type { AppIdentity } from '../control-verdict.ts';
import type { JobEnd, LaneJob } from './lane-worker.ts';
import type { RunHold } from './run-hold.ts';

const SAME_REFUSAL_MS = 10_000;

/** Decides what a job holds, and sends it if it is a batch for this worker. */
export class JobProcessor {
  readonly #refusedAt = new Map<string, number>();

  constructor(
    private readonly identity: AppIdentity,
    /** Whether jobs may run now: a fetch that was under way when the gate closed still brings one. */
    private readonly isOpen: () => boolean,
    private readonly parts: SendingParts,
  ) {}

  async process(lane: Lane, job: LaneJob, hold: RunHold): Promise<JobEnd> {
    const control = this.parts.control.current();
    if (!this.isOpen() || control === null) return { kind: 'back' };
    const intake = openBatch(job.id, job.data, this.identity, control.fleet);
    if (intake.kind === 'malformed') {
      const facts = { event: 'job.malformed', batch: job.id, lane, why: intake.sentence } as const;
      this.parts.log.error(facts, 'a job cannot be sent by anybody');
      return { kind: 'failed', message: intake.sentence };
    }
    if (intake.kind === 'refused') {
      this.parts.observer.refused(intake.cause);
      this.#tell(this.parts.log, job.id, intake.why);
      return { kind: 'later', until: Date.now() + intake.retryInMs };
    }
    const run = { lane, jobId: job.id, lockToken: job.lockToken, attemptsStarted: job.attemptsStarted };
    return BatchRun.start(intake.batch, job.attemptsMade, run, hold, this.parts);
  }

  #tell(log: Log, batch: string, why: string): void {
    const now = performance.now();
    if (now - (this.#refusedAt.get(why) ?? Number.NEGATIVE_INFINITY) < SAME_REFUSAL_MS) return;
    if (this.#refusedAt.size > 100) this.#refusedAt.clear();
    this.#refusedAt.set(why, now);
    log.error({ event: 'job.refused', batch, why }, 'a job is not for this worker; handed back');
  }
}
