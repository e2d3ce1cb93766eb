import { type AppFigures, readFigures } from './app-figures.ts';
import type { ProducerContext } from './producer-context.ts';

/** What `/scaling/<app>` answers: work for workers, for KEDA's metrics-api scaler. */
export interface Scaling {
  readonly app: string;
  /** Recipients that could be sent within a minute; see `scalableBacklog`. */
  readonly backlog: number;
}

const PREFIX = '/scaling/';

/** @returns undefined for another path, or an app that this producer does not know */
export async function scalingDocument(context: ProducerContext, path: string): Promise<Scaling | undefined> {
  if (!path.startsWith(PREFIX)) return undefined;
  const app = path.slice(PREFIX.length);
  if (!context.queues.some((queues) => queues.app.name === app)) return undefined;
  const figures = (await readFigures(context)).apps.find((one) => one.app === app);
  return figures && { app, backlog: scalableBacklog(figures) };
}

/**
 * Recipients for which workers are of use: those that could be sent now, and never more than the rate lets
 * through in a minute. 0 while paused; 1 where more workers would change nothing: work that waits for its
 * time, for an operator, or for APNs to accept the credential again.
 */
export function scalableBacklog(
  figures: Pick<AppFigures, 'isPaused' | 'isStopped' | 'ratePerSecond' | 'unsettled' | 'sendable'>,
): number {
  if (figures.isPaused || figures.unsettled === 0) return 0;
  if (figures.isStopped) return 1;
  const rateCap = figures.ratePerSecond === 0 ? Number.POSITIVE_INFINITY : figures.ratePerSecond * 60;
  return Math.max(1, Math.min(figures.sendable, rateCap));
}
