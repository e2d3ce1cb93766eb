import type { SimulatorOptions } from './options.ts';
import { type Simulator, startSimulator } from './simulator.ts';

/**
 * Runs the simulator as a process of its own until SIGTERM or SIGINT, which close it; the process then ends
 * by itself. Prints nothing: the caller says what `url` and `adminUrl` are.
 */
export async function serveSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator(options);
  const stop = (): void => void simulator.close();
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  return simulator;
}
