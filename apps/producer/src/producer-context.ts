import type { App } from '@pushfleet/shared/domain/apps';
import type { RowRules } from '@pushfleet/shared/domain/row-request';
import type { Log } from '@pushfleet/shared/platform/log';
import type { Tracing } from '@pushfleet/shared/platform/tracing';
import type { LaneQueues, ResultsQueue } from '@pushfleet/shared/queue/lane-queue';
import type { RedisClient } from '@pushfleet/shared/queue/redis-connection';
import type { Store } from '@pushfleet/shared/store/store';
import type { LaneRoom } from './lane-room.ts';
import type { ProducerConfig } from './producer-config.ts';
import type { RightOfWay } from './right-of-way.ts';

/** The queues of one app. */
export interface AppQueues {
  readonly app: App;
  readonly lanes: LaneQueues;
  readonly results: ResultsQueue;
}

/** What the loops of this producer share. */
export interface ProducerContext {
  readonly config: ProducerConfig;
  readonly store: Store;
  /** Fails fast and repeats nothing by itself. */
  readonly redis: RedisClient;
  readonly queues: readonly AppQueues[];
  readonly rules: RowRules;
  readonly fleet: string;
  /** Names this process in claims and leases. */
  readonly owner: string;
  readonly rightOfWay: RightOfWay;
  readonly laneRoom: LaneRoom;
  /** Dispatches that this producer is planning, and whose batches may be queued meanwhile. */
  readonly sentWhilePlanned: Set<number>;
  readonly tracing: Tracing;
  readonly log: Log;
}
