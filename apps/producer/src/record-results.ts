import type { BatchResult } from '@pushfleet/shared/domain/batch-job';
import { decodeProgress, MalformedProgressError } from '@pushfleet/shared/domain/batch-progress';
import { BRAKE_REASONS } from '@pushfleet/shared/domain/brake';
import { killPoint } from '@pushfleet/shared/platform/kill-point';
import { recordTellings, type TellingOfBatch } from '@pushfleet/shared/store/record';
import type { ProducerContext } from './producer-context.ts';
import { traceRecorded } from './producer-spans.ts';

/** Told of every batch that was settled or parked, and of outcomes that became known. */
export interface RecordListener {
  settled(dispatchId: number): void;
  retired(): void;
  /** Device tokens of it were refused in a way that the brake counts. */
  refused?(dispatchId: number): void;
  parked(): void;
}

/** Records what workers tell, a group of results in one transaction. */
export class ResultRecorder {
  readonly #context: ProducerContext;
  readonly #listener: RecordListener;
  readonly #retireReasons: ReadonlySet<string>;

  constructor(context: ProducerContext, listener: RecordListener) {
    this.#context = context;
    this.#listener = listener;
    this.#retireReasons = new Set(context.config.PUSHFLEET_RETIRE_REASONS);
  }

  /** @throws what MySQL throws: then nothing of the group is recorded */
  async record(results: readonly BatchResult[]): Promise<void> {
    // A single one may be of a group that is tried one by one.
    if (results.length > 1) await this.#context.rightOfWay.giveWay();
    await this.recordTellings(results.flatMap((result) => this.#telling(result)));
    killPoint('producer.afterRecord');
  }

  async recordTellings(tellings: readonly TellingOfBatch[]): Promise<void> {
    const { store, log } = this.#context;
    const startedAt = Date.now();
    const recorded = await recordTellings(store, tellings, this.#retireReasons);
    traceRecorded(this.#context, recorded, startedAt);
    for (const { telling, state, news } of recorded) {
      if (state === 'unknown')
        log.warn(
          {
            event: 'result.unknownBatch',
            dispatchId: telling.dispatchId,
            seq: telling.seq,
            generation: telling.generation,
          },
          'a result speaks of a batch that does not exist; dropped',
        );
      if (news.some(({ reason }) => BRAKE_REASONS.has(reason))) this.#listener.refused?.(telling.dispatchId);
      if (state === 'settled') this.#listener.settled(telling.dispatchId);
      if (state === 'parked') this.#listener.parked();
      if (news.some(({ reason }) => this.#retireReasons.has(reason))) this.#listener.retired();
    }
  }

  #telling(result: BatchResult): TellingOfBatch[] {
    const { fleet, log } = this.#context;
    const { dispatch, seq, generation } = result;
    if (result.fleet !== fleet) {
      log.error(
        { event: 'result.foreign', dispatchId: dispatch, seq, fleet: result.fleet },
        'a result of another fleet is in this Redis; dropped',
      );
      return [];
    }
    try {
      const progress = decodeProgress(result.progress);
      return [{ dispatchId: dispatch, seq, generation, nonce: result.nonce, progress, ended: result.ended }];
    } catch (error) {
      if (!(error instanceof MalformedProgressError)) throw error;
      log.error(
        { event: 'result.malformed', dispatchId: dispatch, seq, err: error },
        'a result cannot be read; dropped',
      );
      return [];
    }
  }
}
