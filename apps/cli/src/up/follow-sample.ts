import { setTimeout as sleep } from 'node:timers/promises';
import { type NotificationStatus, readStatus } from '@pushfleet/shared/store/status';
import { statusRules, type Tool } from '../tool.ts';
import { openProgress } from './progress-display.ts';
import type { SampleNotification } from './sample-notifications.ts';
import type { Screen } from './screen.ts';

const LOOK_EVERY_MS = 100;
const PATIENCE_MS = 120_000;
const ENDED: ReadonlySet<string> = new Set(['done', 'expired', 'cancelled', 'invalid']);

export interface SampleOutcome {
  readonly statuses: readonly (NotificationStatus | null)[];
  /** Whether each ended as it should. */
  readonly asExpected: boolean;
}

/** Shows the progress of the sample notifications, from MySQL, until all have ended or two minutes are over. */
export async function followSample(
  tool: Tool,
  notifications: readonly SampleNotification[],
  { screen, signal }: { readonly screen: Screen; readonly signal: AbortSignal },
): Promise<SampleOutcome> {
  const until = Date.now() + PATIENCE_MS;
  const progress = openProgress(screen, notifications);
  try {
    for (;;) {
      signal.throwIfAborted();
      const statuses = await Promise.all(
        notifications.map(({ id }) => readStatus(tool.store, id, statusRules(tool))),
      );
      progress.show(statuses);
      const states = statuses.map((status) => status?.state ?? 'scheduled');
      if (states.every((state) => ENDED.has(state)) || Date.now() > until)
        return { statuses, asExpected: states.every((state, at) => state === notifications[at]!.endsAs) };
      await sleep(LOOK_EVERY_MS);
    }
  } finally {
    progress.stop();
  }
}
