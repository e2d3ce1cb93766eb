import type { Environment } from '@pushfleet/shared/platform/config';
import { describeFailure } from '../failure.ts';
import { checkSettings } from '../up/check-settings.ts';
import type { DemoServers } from '../up/demo-servers.ts';
import { removeEnvFile } from '../up/env-file.ts';
import { planUp } from '../up/plan-parts.ts';
import { runParts } from '../up/run-parts.ts';
import { Screen } from '../up/screen.ts';
import { Interrupted, Shutdown } from '../up/shutdown.ts';
import { takeStateDirectory } from '../up/state-directory.ts';

export interface UpOptions {
  /** End when the sample notifications are sent. */
  readonly once: boolean;
  readonly sample: boolean;
  /** Servers that were made for a demonstration, in place of embedded ones. */
  readonly demo?: DemoServers;
}

/**
 * up: everything on this machine, for trying out. Whatever happens on the way, what it has started is
 * stopped before it returns.
 *
 * @returns the exit code
 */
export async function runUp({ once, sample, demo }: UpOptions, environment: Environment): Promise<number> {
  const screen = new Screen();
  const plan = planUp(environment, sample);
  if (plan.kind === 'refused') return failed(2, plan.sentence);
  if (demo !== undefined && !plan.sample)
    return failed(2, 'a demonstration is one in which nothing is configured; unset what is set');
  try {
    checkSettings(environment, plan.parts);
    const state = await takeStateDirectory(process.cwd(), screen.warn);
    const shutdown = new Shutdown(() => {
      screen.restore();
      removeEnvFile(state.file('env'));
      state.release();
      process.exit(1);
    });
    try {
      return await runParts({ once, environment, plan, state, screen, shutdown, demo });
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      return once ? 1 : 0;
    } finally {
      await stopEverything(shutdown, screen);
      state.release();
    }
  } catch (error) {
    const { message, exitCode } = describeFailure(error);
    return failed(exitCode, message);
  }
}

async function stopEverything(shutdown: Shutdown, screen: Screen): Promise<void> {
  if (shutdown.names.length === 0) return shutdown.stopAll();
  await screen.step(
    `stopping ${shutdown.names.join(', ')}`,
    () => shutdown.stopAll(),
    () => 'stopped everything',
  );
}

function failed(exitCode: number, sentence: string): number {
  process.stderr.write(`pushfleet: ${sentence}\n`);
  return exitCode;
}
