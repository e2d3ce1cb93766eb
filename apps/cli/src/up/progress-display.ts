import type { NotificationStatus } from '@pushfleet/shared/store/status';
import { MultiBar, type SingleBar } from 'cli-progress';
import { colors } from '../output.ts';
import type { SampleNotification } from './sample-notifications.ts';
import type { Screen } from './screen.ts';

const LINE_EVERY_MS = 1_000;

/** Shows how far notifications are: bars on a terminal, a line a second elsewhere. */
export interface ProgressDisplay {
  show(statuses: readonly (NotificationStatus | null)[]): void;
  /** Leaves the last state on the screen and gives the cursor back. */
  stop(): void;
}

export function openProgress(screen: Screen, notifications: readonly SampleNotification[]): ProgressDisplay {
  return screen.isTerminal ? openBars(notifications) : openLines(screen, notifications);
}

function openBars(notifications: readonly SampleNotification[]): ProgressDisplay {
  const multibar = new MultiBar({
    format: `  {title}  ${colors.cyan('{bar}')}  {state}`,
    barsize: 30,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    clearOnComplete: false,
    gracefulExit: false, // Ctrl-C is ours
    fps: 20,
  });
  const width = Math.max(...notifications.map(({ title }) => title.length));
  const bars: SingleBar[] = notifications.map(({ title }) =>
    multibar.create(1, 0, { title: title.padEnd(width), state: 'scheduled' }),
  );
  return {
    show(statuses) {
      statuses.forEach((status, at) => {
        if (status === null) return;
        bars[at]!.setTotal(Math.max(1, status.recipients));
        bars[at]!.update(settledOf(status), { state: describeState(status) });
      });
    },
    stop: () => multibar.stop(),
  };
}

function openLines(screen: Screen, notifications: readonly SampleNotification[]): ProgressDisplay {
  const last = new Map<string, string>();
  let toldAt = 0;
  const tell = (statuses: readonly (NotificationStatus | null)[]) => {
    statuses.forEach((status, at) => {
      if (status === null || status.state === 'scheduled') return;
      const { title } = notifications[at]!;
      const line = `  ${title}: ${describeState(status)}`;
      if (last.get(title) !== line) screen.say(line);
      last.set(title, line);
    });
  };
  let latest: readonly (NotificationStatus | null)[] = [];
  return {
    show(statuses) {
      latest = statuses;
      if (performance.now() - toldAt < LINE_EVERY_MS) return;
      toldAt = performance.now();
      tell(statuses);
    },
    stop: () => tell(latest),
  };
}

function settledOf({ recipients, pending }: NotificationStatus): number {
  return recipients - pending;
}

function describeState(status: NotificationStatus): string {
  const { state, error, recipients } = status;
  if (state === 'invalid') return `invalid: ${error ?? 'it cannot be sent'}`;
  return recipients === 0 ? state : `${number(settledOf(status))} of ${number(recipients)}, ${state}`;
}

function number(count: number): string {
  return count.toLocaleString('en');
}
