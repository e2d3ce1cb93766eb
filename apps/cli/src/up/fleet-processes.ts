import type { Environment } from '@pushfleet/shared/platform/config';
import type { Settings } from './check-settings.ts';
import type { Screen } from './screen.ts';
import type { Shutdown } from './shutdown.ts';
import type { StateDirectory } from './state-directory.ts';
import { type ProcessPlan, SupervisedProcess } from './supervised-process.ts';

const PROCESSES = [
  { name: 'producer', kind: 'producer', command: 'producer', readyEvent: 'producer.started' },
  { name: 'worker 1', kind: 'worker', command: 'worker', readyEvent: 'worker.started' },
  { name: 'worker 2', kind: 'worker', command: 'worker', readyEvent: 'worker.started' },
  { name: 'board', kind: 'board', command: 'board', readyEvent: 'board.ready' },
] as const satisfies readonly Pick<ProcessPlan, 'name' | 'kind' | 'command' | 'readyEvent'>[];

/** Levels at which a process says that it is ready. */
const TALKATIVE: readonly string[] = ['trace', 'debug', 'info'];

export interface FleetOptions {
  readonly environment: Environment;
  readonly settings: Settings;
  readonly state: StateDirectory;
  readonly screen: Screen;
  readonly shutdown: Shutdown;
}

/**
 * Starts producer, two workers and board as children, and waits until all are ready.
 * @throws CommandFailure with the last words of one that does not start
 */
export async function startFleet({
  environment,
  settings,
  state,
  screen,
  shutdown,
}: FleetOptions): Promise<void> {
  const processes = PROCESSES.map((plan) => {
    const file = plan.name.replace(' ', '-');
    return shutdown.add(
      new SupervisedProcess(
        {
          ...plan,
          environment: childEnvironment(environment, settings),
          logFile: state.file('logs', `${file}.log`),
          pidFile: state.file('run', `${file}.pid`),
        },
        screen.warn,
      ),
    );
  });
  // One that fails for good ends the wait for the others.
  const failed = new AbortController();
  const signal = AbortSignal.any([shutdown.signal, failed.signal]);
  const readiness = processes.map((one) =>
    one.ready(signal).catch((error: unknown) => {
      failed.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(readiness);
  signal.throwIfAborted();
}

/** Exactly these settings, whatever else of ours the caller's environment holds. */
function childEnvironment(environment: Environment, settings: Settings): NodeJS.ProcessEnv {
  const others = Object.entries(environment).filter(([name]) => !name.startsWith('PUSHFLEET_'));
  const level = settings.PUSHFLEET_LOG_LEVEL ?? 'info';
  return {
    ...Object.fromEntries(others),
    ...settings,
    // Four processes of one machine cannot share the port.
    PUSHFLEET_HTTP_PORT: '0',
    PUSHFLEET_LOG_FORMAT: 'json',
    PUSHFLEET_LOG_LEVEL: TALKATIVE.includes(level) ? level : 'info',
  };
}
