import { setImmediate as nextTurn } from 'node:timers/promises';
import { type BatchJob, packDeviceTokens } from '@pushfleet/shared/domain/batch-job';
import { type BatchProgress, encodeProgress } from '@pushfleet/shared/domain/batch-progress';
import { normalizeDeviceToken } from '@pushfleet/shared/domain/device-token';
import type { Lane } from '@pushfleet/shared/domain/lanes';
import { isPushRecipient, pushName } from '@pushfleet/shared/domain/operator-push';
import { CANCELLED, isSettled, WAITING } from '@pushfleet/shared/domain/outcomes';
import {
  defaultCollapseId,
  type PushRequest,
  pushRequestSchema,
} from '@pushfleet/shared/domain/push-request';
import { decodeRecipients, encodeRecipients } from '@pushfleet/shared/domain/recipient-list';
import { utcInstant } from '@pushfleet/shared/domain/wall-time';
import { killPoint } from '@pushfleet/shared/platform/kill-point';
import { addBatches, forgetAdded } from '@pushfleet/shared/queue/lane-queue';
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
import { storedProgress } from '@pushfleet/shared/store/record';
import type { AppQueues, ProducerContext } from './producer-context.ts';
import { traceQueued } from './producer-spans.ts';

/** Most jobs in a lane: a hundred thousand single pushes would take 120 MB of Redis. */
const JOBS_LIMIT = 5_000;
const JOBS_PER_STEP = 200;
/** Share of a lane's room that one step may fill: several producers overshoot by so much each. */
const STEP_SHARE = 0.08;
/** A producer that was stopped between commit and add must not add any more: the reconciler has it then. */
const ADD_WITHIN_MS = 5_000;

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
    return this.#context.queues.some(({ app }) => this.#context.fullLanes.has(app.name, lane));
  }

  async #fill(queues: AppQueues, lane: Lane): Promise<number> {
    const { store, config, fullLanes } = this.#context;
    const app = queues.app.name;
    const read = () =>
      Promise.all([readRipeBatches(store, app, lane, JOBS_PER_STEP), this.#nextInRound(app, lane)]);
    // At once, since an alert waits for each answer. A lane that was full most likely still is: then it is in vain.
    const ahead = fullLanes.has(app, lane) ? null : read();
    ahead?.catch(() => {}); // told below, unless the load cannot be read either
    const load = await readLaneLoad(store, app, lane);
    const room = config.PUSHFLEET_QUEUE_LIMIT - load.recipients;
    const jobs = Math.min(JOBS_PER_STEP, JOBS_LIMIT - load.jobs);
    const recipients = Math.ceil(config.PUSHFLEET_QUEUE_LIMIT * STEP_SHARE);
    // A step for every batch that ends would cost ten statements each.
    const isFull = jobs <= 0 || (room < recipients && load.jobs > 0);
    fullLanes.set(app, lane, isFull);
    if (isFull) return 0;
    const [waited, dispatches] = await (ahead ?? read());
    const ripe = upTo(recipients, waited.slice(0, jobs));
    const left = recipients - ripe.reduce((sum, { size }) => sum + size, 0);
    const planned =
      left > 0 && jobs > ripe.length
        ? await this.#nextPlanned(queues, lane, dispatches, left, jobs - ripe.length)
        : [];
    return this.#enqueue(queues, lane, [...ripe, ...planned]);
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
    const { store, log } = this.#context;
    const startedAt = Date.now();
    const loaded = await this.#loadDeviceTokens(batches);
    const markedAt = performance.now();
    const marks = await markQueued(
      store,
      loaded.map(({ mark }) => mark),
    );
    killPoint('producer.afterCommit');
    const taken = new Set(marks);
    const jobs: BatchJob[] = [];
    for (const { mark, waiting } of loaded) {
      if (!taken.has(mark) || mark.settled) continue;
      jobs.push(this.#toJob(mark, waiting));
      await nextTurn();
    }
    const again = jobs.filter(({ generation }) => generation > 1);
    try {
      if (again.length > 0) await forgetAdded(queues.lanes[lane], again);
      if (performance.now() - markedAt > ADD_WITHIN_MS)
        throw new Error('this process was stopped before it could add them');
      await addBatches(queues.lanes[lane], jobs);
      killPoint('producer.afterAdd');
      traceQueued(this.#context, jobs, startedAt);
    } catch (error) {
      log.warn(
        { event: 'batch.addUnknown', batches: jobs.length, lane, err: error },
        'batches may or may not be in Redis; the reconciler looks',
      );
      traceQueued(this.#context, jobs, startedAt, 'add_unknown');
    }
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
          ? (parseRequest(batch.request).deviceToken ?? null)
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

  #toJob({ batch, outcomes }: QueuedMark, waiting: WaitingRecipients): BatchJob {
    const { fleet, store } = this.#context;
    const request = parseRequest(batch.request);
    const progress: BatchProgress = storedProgress(batch.size, outcomes, batch.trials, batch.resent);
    return {
      v: 1,
      fleet,
      dispatch: batch.dispatchId,
      seq: batch.seq,
      generation: batch.generation + 1,
      nonce: batch.nonce,
      notificationId: batch.notificationId ?? pushName(batch.dispatchId),
      batches: batch.batches,
      app: batch.app,
      lane: batch.lane as Lane,
      topic: request.topic,
      environment: request.environment,
      pushType: request.pushType,
      priority: request.priority,
      expiration: request.expiration,
      collapseId: request.collapseId ?? defaultCollapseId(fleet, batch.dispatchId),
      payload: request.payload,
      dueAt: utcInstant(batch.dueAt),
      deadline: utcInstant(batch.deadline),
      size: batch.size,
      tokens: packDeviceTokens(waiting.deviceTokens),
      ids: encodeRecipients(
        batch.notificationId === null ? 'text' : store.backend.tokenId.kind,
        waiting.ids,
      ).toString('base64'),
      progress: encodeProgress(progress),
    };
  }
}

/** Those of a batch who wait, in its order. Two lists, since an object for each would outlive a collection. */
interface WaitingRecipients {
  readonly ids: string[];
  readonly deviceTokens: string[];
}

function parseRequest(text: string): PushRequest {
  return pushRequestSchema.parse(JSON.parse(text));
}

/** The first batches up to so many recipients, but always one. */
function upTo(recipients: number, batches: readonly ReadyBatch[]): ReadyBatch[] {
  let sum = 0;
  return batches.filter(({ size }, i) => {
    sum += size;
    return i === 0 || sum <= recipients;
  });
}
