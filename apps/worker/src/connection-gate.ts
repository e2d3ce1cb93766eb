import type { ConnectionGovernor } from './apns/connection-governor.ts';
import type { LaneGate } from './lanes/lane-gate.ts';

/** A reconnect takes less; who cannot reach APNs for longer leaves the jobs to other workers. */
const PATIENCE_MS = 2_000;

/** Closes the gate while APNs cannot be reached. Returns what stops the watching. */
export function closeWhileUnreachable(
  governor: Pick<ConnectionGovernor, 'state' | 'onStateChange'>,
  gate: LaneGate,
  patienceMs = PATIENCE_MS,
): () => void {
  let timer: NodeJS.Timeout | undefined;
  const look = () => {
    const isReachable = governor.state() !== 'connecting';
    if (isReachable) {
      clearTimeout(timer);
      timer = undefined;
      gate.withdraw('connection');
    } else timer ??= setTimeout(() => gate.close('connection'), patienceMs);
  };
  const stopListening = governor.onStateChange(look);
  look();
  return () => {
    clearTimeout(timer);
    stopListening();
  };
}
