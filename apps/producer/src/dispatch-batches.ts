import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BatchJob } from '@pushfleet/shared/domain/batch-job';
import { normalizeDeviceToken } from '@pushfleet/shared/domain/device-token';
import type { Lane } from '@pushfleet/shared/domain/lanes';
import { isPushRecipient } from '@pushfleet/shared/domain/operator-push';
import { CANCELLED, isSettled, WAITING } from '@pushfleet/shared/domain/outcomes';
import { decodeRecipients } from '@pushfleet/shared/domain/recipient-list';
import { readActiveDeviceTokens } from '@pushfleet/shared/store/device-token-rows';
import {
  markQueued,
  type QueuedMark,
  type ReadyBatch,
  readLaneLoad,
  readPlannedBatches,
  readRipeBatches,
  readWaitingDispatches,
} from '@pushfleet/shared/store/ready-batches';
import { addToLane } from './add-to-lane.ts';
import { frozenRequest, toJob, type WaitingRecipients } from './batch-jobs.ts';
import type { AppQueues, ProducerContext } from './producer-context.ts';

/** Most jobs in a lane: a hundred thousand single pushes would take 120 MB of Redis. */
const JOBS_LIMIT = 5_000;
const JOBS_PER_STEP = 200;
/** Share of a lane's room that one step may fill: several producers overshoot by so much each. */
const STEP_SHARE = 0.08;

/**
 * Moves batches from MySQL to Redis while there is room: first those whose waiting is over, then the
 * planned ones, some of each running notification in turn.
 */
export class BatchDispatcher {
  readonly #context: ProducerContext;
  /** Where the round through the running dispatches stands, per app and lane. */
  readonly #lastServed = new Map<string, number>();

  constructor(context: ProducerContext) {
    this.#context = context;
  }

  /** One step over one lane of all apps. @returns true when something moved: there may be more */
  async look(lane: Lane): Promise<boolean> {
    // Without a connection every add would be left to the reconciler.
    if (this.#context.redis.status !== 'ready') return false;
    let moved = 0;
    for (const queues of this.#context.queues) moved += await this.#fill(queues, lane);
    return moved > 0;
  }

  /** Whether an ended batch makes room that somebody waits for. */
  isFull(lane: Lane): boolean {
    return this.#context.queues.some(({ app }) => this.#context.laneRoom.isFull(app.name, lane));
  }

  async #fill(queues: AppQueues, lane: Lane): Promise<number> {
    const { store, config, laneRoom } = this.#context;
    const app = queues.app.name;
    const read = () =>
      Promise.all([readRipeBatches(store, app, lane, JOBS_PER_STEP), this.#nextInRound(app, lane)]);
    // At once, since an alert waits for each answer. A lane that was full most likely still is: then it is in vain.
    const ahead = laneRoom.isFull(app, lane) ? null : read();
    ahead?.catch(() => {}); // told below, unless the load cannot be read either
    const load = await readLaneLoad(store, app, lane);
    const room = config.PUSHFLEET_QUEUE_LIMIT - load.recipients;
    const jobs = Math.min(JOBS_PER_STEP, JOBS_LIMIT - load.jobs);
    const recipients = Math.ceil(config.PUSHFLEET_QUEUE_LIMIT * STEP_SHARE);
    // A step for every batch that ends would cost ten statements each.
    const isFull = jobs <= 0 || (room < recipients && load.jobs > 0);
    laneRoom.set(app, lane, isFull ? null : { recipients: Math.min(room, recipients), jobs });
    if (isFull) return 0;
    const [waited, dispatches] = await (ahead ?? read());
    const ripe = upTo(recipients, waited.slice(0, jobs));
    const left = recipients - ripe.reduce((sum, { size }) => sum + size, 0);
    const planned =
      left > 0 && jobs > ripe.length
        ? await this.#nextPlanned(queues, lane, dispatches, left, jobs - ripe.length)
        : [];
    const batches = [...ripe, ...planned];
    for (const { size } of batches) laneRoom.take(app, lane, size);
    return this.#enqueue(queues, lane, batches);
  }

  /** Dispatches with planned batches, from where the round stands. */
  async #nextInRound(app: string, lane: Lane): Promise<number[]> {
    const { store } = this.#context;
    const last = this.#lastServed.get(`${app} ${lane}`) ?? 0;
    const dispatches = await readWaitingDispatches(store, app, lane, last, JOBS_PER_STEP);
    // Round again from the first one.
    return dispatches.length === 0 && last > 0
      ? readWaitingDispatches(store, app, lane, 0, JOBS_PER_STEP)
      : dispatches;
  }

  async #nextPlanned(
    queues: AppQueues,
    lane: Lane,
    inRound: readonly number[],
    recipients: number,
    jobs: number,
  ): Promise<ReadyBatch[]> {
    const { store, config } = this.#context;
    const app = queues.app.name;
    const key = `${app} ${lane}`;
    const dispatches = inRound.slice(0, jobs);
    if (dispatches.length === 0) {
      this.#lastServed.set(key, 0);
      return [];
    }
    const wanted = Math.max(1, Math.floor(recipients / config.PUSHFLEET_BATCH_SIZE));
    const each = Math.max(
      1,
      Math.min(Math.floor(wanted / dispatches.length), Math.floor(jobs / dispatches.length)),
    );
    const { rightOfWay, sentWhilePlanned, owner } = this.#context;
    const isOverlapped = sentWhilePlanned.size > 0 && !rightOfWay.alertsComeIn;
    const whilePlanned = isOverlapped ? { owner, dispatchIds: [...sentWhilePlanned] } : null;
    const batches = await readPlannedBatches(store, app, lane, dispatches, each, whilePlanned);
    const taken = upTo(recipients, batches);
    // Those that are held have none to give: the round goes on behind them.
    this.#lastServed.set(key, taken.at(-1)?.dispatchId ?? dispatches.at(-1) ?? 0);
    return taken;
  }

  async #enqueue(queues: AppQueues, lane: Lane, batches: readonly ReadyBatch[]): Promise<number> {
    if (batches.length === 0) return 0;
    const { store } = this.#context;
    const startedAt = Date.now();
    const loaded = await this.#loadDeviceTokens(batches);
    const markedAt = performance.now();
    const marks = await markQueued(
      store,
      loaded.map(({ mark }) => mark),
    );
    const taken = new Set(marks);
    const jobs: BatchJob[] = [];
    for (const { mark, waiting } of loaded) {
      if (!taken.has(mark) || mark.settled) continue;
      jobs.push(toJob(this.#context, mark.batch, mark.outcomes, waiting));
      await nextTurn();
    }
    await addToLane(this.#context, queues.lanes[lane], jobs, { markedAt, startedAt });
    return marks.length;
  }

  /** Looks up the device tokens of those who wait: rows that are gone or switched off since are cancelled. */
  async #loadDeviceTokens(
    batches: readonly ReadyBatch[],
  ): Promise<{ mark: QueuedMark; waiting: WaitingRecipients }[]> {
    const { store } = this.#context;
    const recipients = batches.map((batch) => decodeRecipients(batch.recipients));
    const isWaiting = ({ outcomes }: ReadyBatch, index: number) => (outcomes?.[index] ?? WAITING) === WAITING;
    const ofRows = batches.map((batch, i) =>
      recipients[i]!.filter((id, index) => isWaiting(batch, index) && !isPushRecipient(id)),
    );
    const stored = await readActiveDeviceTokens(store, ofRows);
    const loaded: { mark: QueuedMark; waiting: WaitingRecipients }[] = [];
    for (const [i, batch] of batches.entries()) {
      const waiting: WaitingRecipients = { ids: [], deviceTokens: [] };
      const outcomes = batch.outcomes === null ? Buffer.alloc(batch.size) : Buffer.from(batch.outcomes);
      let cancelled = 0;
      for (const [index, id] of recipients[i]!.entries()) {
        if (!isWaiting(batch, index)) continue;
        const deviceToken = isPushRecipient(id)
          ? (frozenRequest(batch).deviceToken ?? null)
          : normalizeDeviceToken(stored.get(id) ?? null);
        if (deviceToken !== null) {
          waiting.ids.push(id);
          waiting.deviceTokens.push(deviceToken);
        } else {
          outcomes[index] = CANCELLED;
          cancelled++;
        }
      }
      const changed = batch.outcomes !== null || cancelled > 0;
      loaded.push({
        mark: { batch, outcomes: changed ? outcomes : null, cancelled, settled: isSettled(outcomes) },
        waiting,
      });
      // What an alert waits for may have come meanwhile.
      await nextTurn();
    }
    return loaded;
  }
}

/** The first batches up to so many recipients, but always one. */
function upTo(recipients: number, batches: readonly ReadyBatch[]): ReadyBatch[] {
  let sum = 0;
  return batches.filter(({ size }, i) => {
    sum += size;
    return i === 0 || sum <= recipients;
  });
}
