import type { HealthSources } from '@pushfleet/shared/platform/health-server';
import type { LaneGate } from './lanes/lane-gate.ts';

export interface WorkerHealthSources {
  readonly gate: LaneGate;
  readonly metrics: () => Promise<string>;
  /** Null, or why nothing comes of the jobs although nothing speaks against it. */
  readonly stuck: () => string | null;
}

/**
 * Ready: this worker takes jobs. Live: it would also notice them, and something comes of those that run;
 * BullMQ's fetching connection has wedged before, with everything else in order.
 */
export function workerHealth({ gate, metrics, stuck }: WorkerHealthSources): HealthSources {
  return {
    live: stuck,
    ready: () => (gate.isOpen ? null : `takes no jobs: ${gate.causes.join(', ')}`),
    metrics,
  };
}
