import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';

/** A server's command line, wrapped for a container that is reachable on 127.0.0.1 only. */
export interface ContainerOptions {
  readonly container: string;
  readonly image: string;
  readonly port: number;
  readonly innerPort: number;
  /** Directory of this machine that holds the data, and where the container sees it. */
  readonly dataDirectory: string;
  readonly innerDirectory: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly args: readonly string[];
}

/** Whether a Docker engine answers (the command alone is often there without one). */
export function dockerAnswers(): boolean {
  return (
    spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: 10_000 }).status === 0
  );
}

/** The container's name: one per kind of server and directory, so that a left-over one can be removed. */
export function containerName(kind: string, directory: string): string {
  return `pushfleet-${kind}-${createHash('sha256').update(directory).digest('hex').slice(0, 12)}`;
}

/** Arguments of `docker run` in the foreground: SIGTERM to it reaches the server, and nothing is left behind. */
export function dockerRunArguments(options: ContainerOptions, user = ownUser()): string[] {
  const environment = Object.entries(options.environment ?? {}).flatMap(([name, value]) => [
    '-e',
    `${name}=${value}`,
  ]);
  return [
    ...['run', '--rm', '--init', '--name', options.container],
    ...['-p', `127.0.0.1:${options.port}:${options.innerPort}`],
    ...['-v', `${options.dataDirectory}:${options.innerDirectory}`],
    ...(user ? ['--user', user] : []), // else files of another user would be left in our directory
    ...environment,
    options.image,
    ...options.args,
  ];
}

/** Removes a container of that name, running or not; no error if there is none. */
export function removeContainer(container: string): void {
  spawnSync('docker', ['rm', '--force', '--volumes', container], { timeout: 30_000 });
}

/** A signal for the server itself: SIGKILL for `docker run` would leave the container running. */
export function signalContainer(container: string, signal: NodeJS.Signals): Promise<void> {
  return new Promise((resolve, reject) => {
    const docker = spawn('docker', ['kill', `--signal=${signal}`, container], { stdio: 'ignore' });
    docker.once('error', reject);
    docker.once('exit', () => resolve());
  });
}

function ownUser(): string | undefined {
  return process.getuid && process.getgid ? `${process.getuid()}:${process.getgid()}` : undefined;
}
