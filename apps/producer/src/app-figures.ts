import { dueWindow } from '@pushfleet/shared/domain/due-window';
import { dueInstant } from '@pushfleet/shared/domain/wall-time';
import { type FleetFigures, type LaneFigures, readFleetFigures } from '@pushfleet/shared/store/fleet-figures';
import { backendZone } from './claim-due-rows.ts';
import type { ProducerContext } from './producer-context.ts';

/** What MySQL says about one app, as metrics and scaling show it. */
export interface AppFigures {
  readonly app: string;
  readonly isPaused: boolean;
  readonly hasBreaker: boolean;
  /** A breaker stands for all that a credential sends, not for a topic of it. */
  readonly isStopped: boolean;
  /** Pushes per second over the fleet; 0 is no limit. */
  readonly ratePerSecond: number;
  readonly lanes: readonly LaneFigures[];
  /** Recipients without an outcome, and each notification whose audience is not planned yet as one. */
  readonly unsettled: number;
  /** Those of them that could be sent now, were there no pause, no breaker and no rate. */
  readonly sendable: number;
}

export interface Figures {
  readonly apps: readonly AppFigures[];
  readonly held: number;
  /** Seconds for which the oldest notification without a planned audience has been due; 0 where all are planned. */
  readonly oldestDueSeconds: number;
}

/** @throws what MySQL throws */
export async function readFigures(context: ProducerContext, now = Date.now()): Promise<Figures> {
  const { config, store, queues } = context;
  const zone = backendZone(context);
  const figures = await readFleetFigures(
    store,
    queues.map(({ app }) => app.name),
    dueWindow(now, zone, config.PUSHFLEET_MAX_AGE, now),
  );
  // The window ends in wall time, which clocks that are set back show twice.
  const dueRows = figures.unclaimedDue
    .map((due) => dueInstant(due, zone))
    .filter((dueAt) => dueAt !== null && dueAt <= now) as number[];
  const planning = figures.dispatches.filter(({ state }) => state === 'planning');
  const oldest = Math.min(now, ...dueRows.slice(0, 1), ...planning.map(({ oldestDueAt }) => oldestDueAt));
  return {
    apps: queues.map(({ app }) =>
      figuresOf(app.name, figures, app.name === config.PUSHFLEET_APP ? dueRows.length : 0, {
        settingsRate: config.PUSHFLEET_RATE_PER_SECOND ?? 0,
      }),
    ),
    held: figures.dispatches
      .filter(({ state }) => state === 'held')
      .reduce((sum, { count }) => sum + count, 0),
    oldestDueSeconds: (now - oldest) / 1_000,
  };
}

function figuresOf(
  app: string,
  figures: FleetFigures,
  dueRows: number,
  { settingsRate }: { readonly settingsRate: number },
): AppFigures {
  const known = figures.apps.find((one) => one.app === app);
  const lanes = figures.lanes.filter((one) => one.app === app);
  const planning = figures.dispatches.find((one) => one.app === app && one.state === 'planning')?.count ?? 0;
  const unsettled = lanes.reduce((sum, lane) => sum + lane.unsettled, 0);
  const notNow = lanes.reduce((sum, lane) => sum + lane.notNow, 0);
  const notPlanned = planning + dueRows;
  return {
    app,
    isPaused: known?.isPaused ?? false,
    hasBreaker: (known?.breakers.length ?? 0) > 0,
    isStopped: known?.breakers.some(({ topic }) => topic === null) ?? false,
    ratePerSecond: known?.ratePerSecond ?? settingsRate,
    lanes,
    unsettled: unsettled + notPlanned,
    sendable: Math.max(0, unsettled - notNow) + notPlanned,
  };
}
