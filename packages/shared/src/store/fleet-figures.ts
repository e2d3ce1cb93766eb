import { utcInstant } from '../domain/wall-time.ts';
import { type KnownBreaker, parseBreakers } from './breakers.ts';
import { type DueWindow, findDueRows } from './due-rows.ts';
import type { Store } from './store.ts';

/** Work of one app in one lane, in recipients. */
export interface LaneFigures {
  readonly app: string;
  readonly lane: string;
  readonly state: 'planned' | 'queued' | 'parked';
  /** Recipients of these batches that have no outcome yet. */
  readonly unsettled: number;
  /** Those of them whose time to be tried again has not come, or whose notification is held. */
  readonly notNow: number;
}

/** Dispatches of one app that are claimed and not yet planned, or held. */
export interface DispatchCounts {
  readonly app: string;
  readonly state: 'planning' | 'held';
  readonly count: number;
  /** Milliseconds since 1970. */
  readonly oldestDueAt: number;
}

export interface AppDecisions {
  readonly app: string;
  readonly isPaused: boolean;
  /** Operator's rate; 0 is off, null leaves it to the settings. */
  readonly ratePerSecond: number | null;
  readonly breakers: readonly KnownBreaker[];
}

/** Everything that is measured in MySQL, at one moment. */
export interface FleetFigures {
  readonly apps: readonly AppDecisions[];
  readonly lanes: readonly LaneFigures[];
  readonly dispatches: readonly DispatchCounts[];
  /** Due times, as the backend has them, of rows that nobody has claimed, oldest first; at most `MOST_ROWS`. */
  readonly unclaimedDue: readonly string[];
}

const MOST_ROWS = 1_000;

/**
 * Reads each table once, however many gauges show it.
 * @param apps whose batches are counted; one at least
 * @param window in which unsent rows count as due
 * @throws what MySQL throws
 */
export async function readFleetFigures(
  store: Store,
  apps: readonly string[],
  window: DueWindow,
): Promise<FleetFigures> {
  const [decisions, lanes, dispatches, due] = await Promise.all([
    readDecisions(store),
    readLanes(store, apps),
    readDispatches(store),
    findDueRows(store, window, MOST_ROWS, 'oldest'),
  ]);
  return { apps: decisions, lanes, dispatches, unclaimedDue: due.map((row) => row.due) };
}

async function readDecisions({ database, tables }: Store): Promise<AppDecisions[]> {
  const rows = await database.arrays(
    `SELECT app, paused_at IS NOT NULL, rate_per_second, breaker FROM ${tables.app} ORDER BY app`,
  );
  return rows.map(([app, paused, rate, breaker]) => ({
    app: String(app),
    isPaused: Number(paused) === 1,
    ratePerSecond: rate === null ? null : Number(rate),
    breakers: parseBreakers(breaker === null ? null : String(breaker)),
  }));
}

const SETTLED = 'b.accepted + b.rejected + b.retired + b.expired + b.cancelled + b.failed';

/**
 * The backlog by app and lane. Batches that never left MySQL are most of a large audience: the index alone answers
 * for them. Apps are named one by one, or the settled batches of a month are walked.
 *
 * @param apps one at least
 */
export async function readLanes(
  { database, tables }: Store,
  apps: readonly string[],
): Promise<LaneFigures[]> {
  const left = `b.size - IF(b.state = 'planned', 0, ${SETTLED})`;
  const later = "b.state = 'parked' AND b.not_before > UTC_TIMESTAMP(3)";
  const rows = await database.arrays(
    `SELECT app, lane, state, SUM(unsettled), SUM(not_now) FROM (
       SELECT b.app, b.lane, b.state, SUM(b.size) AS unsettled, 0 AS not_now FROM ${tables.batch} b
        WHERE b.app IN (?) AND b.lane IN ('urgent', 'bulk') AND b.state = 'planned' GROUP BY b.app, b.lane, b.state
       UNION ALL
       SELECT b.app, b.lane, b.state, SUM(${left}), SUM(IF(${later}, ${left}, 0)) FROM ${tables.batch} b
        WHERE b.app IN (?) AND b.lane IN ('urgent', 'bulk') AND b.state IN ('queued', 'parked') GROUP BY b.app, b.lane, b.state
       UNION ALL
       SELECT b.app, b.lane, b.state, 0, SUM(IF(${later}, 0, ${left})) FROM ${tables.dispatch} d
         JOIN ${tables.batch} b ON b.dispatch_id = d.id
        WHERE d.state = 'held' AND b.state IN ('planned', 'queued', 'parked') GROUP BY b.app, b.lane, b.state
     ) work GROUP BY app, lane, state`,
    [apps, apps],
  );
  return rows.map(([app, lane, state, unsettled, notNow]) => ({
    app: String(app),
    lane: String(lane),
    state: String(state) as LaneFigures['state'],
    unsettled: Number(unsettled),
    notNow: Number(notNow),
  }));
}

async function readDispatches({ database, tables }: Store): Promise<DispatchCounts[]> {
  const rows = await database.arrays(
    `SELECT app, state, COUNT(*), MIN(due_at) FROM ${tables.dispatch} USE INDEX (by_state)
      WHERE state IN ('planning', 'held') GROUP BY app, state`,
  );
  return rows.map(([app, state, count, due]) => ({
    app: String(app),
    state: String(state) as DispatchCounts['state'],
    count: Number(count),
    oldestDueAt: utcInstant(String(due)),
  }));
}
