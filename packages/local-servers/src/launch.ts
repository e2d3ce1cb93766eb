import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Child, startChild } from './child-process.ts';
import {
  type ContainerOptions,
  containerName,
  dockerRunArguments,
  removeContainer,
  signalContainer,
} from './docker.ts';
import { onFreePort, PortTakenError } from './free-port.ts';
import { stopLeftOver } from './left-over.ts';
import { type LocalServer, LocalServerError } from './local-server.ts';
import { waitUntilReady } from './wait-until-ready.ts';

/** How one kind of server is run, on this machine or in a container. */
export interface LaunchPlan {
  /** For messages and, in lower case, for file names: "Redis", "MariaDB". */
  readonly name: string;
  readonly kind: 'redis' | 'mysql';
  /** Everything the server keeps is below this directory. */
  readonly directory: string;
  readonly port: number | undefined;
  /** Path and arguments of a binary, or what the container needs. Called for each port that is tried. */
  command(port: number): BinaryCommand | ContainerCommand;
  /** Whether the server on `port` is ready, and ours. */
  probe(port: number, child: Child): Promise<boolean>;
  url(port: number): string;
}

export interface BinaryCommand {
  readonly path: string;
  readonly args: readonly string[];
}

export type ContainerCommand = Omit<ContainerOptions, 'container' | 'port'>;

/** The absolute directory of a server, made if it is missing; its owner alone may look inside. */
export function prepareDirectory(directory: string): string {
  const absolute = resolve(directory);
  for (const path of [absolute, join(absolute, 'data')]) mkdirSync(path, { recursive: true, mode: 0o700 });
  return absolute;
}

/**
 * Ends what an earlier start left running in the directory. To be called before the data directory is touched.
 * Throws LocalServerError if a living process uses it.
 */
export async function freeDirectory(kind: LaunchPlan['kind'], directory: string): Promise<void> {
  await stopLeftOver(pidFile(kind, directory), directory);
}

/** Starts the server and waits until it is ready. Throws LocalServerError with the end of its log. */
export async function launch(plan: LaunchPlan): Promise<LocalServer> {
  try {
    return await onFreePort(plan.port, (port) => launchOn(port, plan));
  } catch (error) {
    if (!(error instanceof PortTakenError)) throw error;
    const port = plan.port ? `port ${plan.port}` : 'every port that it tried';
    throw new LocalServerError(`${plan.name} cannot listen: another process has taken ${port}`, {
      cause: error,
    });
  }
}

async function launchOn(port: number, plan: LaunchPlan): Promise<LocalServer> {
  const command = plan.command(port);
  const container = 'image' in command ? containerName(plan.kind, plan.directory) : undefined;
  if (container) removeContainer(container);
  const child = await startChild({
    name: plan.name,
    ...('image' in command
      ? { command: 'docker', args: dockerRunArguments({ ...command, port, container: container! }) }
      : { command: command.path, args: command.args }),
    cwd: plan.directory,
    logFile: join(plan.directory, `${plan.kind}.log`),
    pidFile: pidFile(plan.kind, plan.directory),
  });
  await waitUntilReady(plan.name, child, () => plan.probe(port, child));
  return {
    url: plan.url(port),
    port,
    pid: child.pid,
    exited: child.exited,
    async stop() {
      await child.stop();
      if (container) removeContainer(container);
    },
    kill: (signal) => (container ? killContainer(container, signal, child) : child.kill(signal)),
  };
}

async function killContainer(container: string, signal: NodeJS.Signals, child: Child): Promise<void> {
  await signalContainer(container, signal);
  if (signal === 'SIGKILL' || signal === 'SIGTERM') await child.exited;
}

function pidFile(kind: LaunchPlan['kind'], directory: string): string {
  return join(directory, `${kind}.pid`);
}
