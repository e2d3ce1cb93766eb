import type { ControlCopy } from '@pushfleet/shared/queue/control-copy';
import type { GateCause } from './lanes/lane-gate.ts';

export interface AppIdentity {
  readonly app: string;
  readonly topic: string;
  readonly environment: 'production' | 'sandbox';
}

/** The causes of the gate that follow from the control copy. */
export const CONTROL_CAUSES = ['noControl', 'recovering', 'mismatch', 'paused'] as const;

/** What the control copy says against sending, for a worker of this identity. */
export function causesOf(copy: ControlCopy | null, identity: AppIdentity): ReadonlySet<GateCause> {
  if (copy === null) return new Set(['noControl']);
  const causes = new Set<GateCause>();
  if (copy.phase === 'recovering') causes.add('recovering');
  if (copy.paused) causes.add('paused');
  // A sandbox key on production's device tokens would have every one of them refused.
  if (copy.topic !== identity.topic || copy.environment !== identity.environment) causes.add('mismatch');
  return causes;
}
