import { join } from 'node:path';
import { findRedis, type RedisProgram } from './find-servers.ts';
import { freeDirectory, launch, prepareDirectory } from './launch.ts';
import { type LocalServer, MissingProgramError } from './local-server.ts';
import { pingRedis } from './redis-ping.ts';

export interface RedisOptions {
  /** Data, log and pid file; made if missing. Starting again here continues with the same data. */
  readonly dir: string;
  /** Append-only file, written out every second. Default true; false only for what nobody would miss. */
  readonly appendonly?: boolean;
  /** Default: a free one. */
  readonly port?: number;
  /** Further options of redis-server, such as `['--maxmemory', '64mb']`; they win over ours. */
  readonly extraArgs?: readonly string[];
  /** Default: the one found on this machine. */
  readonly program?: RedisProgram;
}

/**
 * Starts a private Redis on 127.0.0.1, set up as Pushfleet demands it: append-only and never evicting.
 * Throws MissingProgramError without redis-server, LocalServerError if it does not start.
 */
export async function startRedis(options: RedisOptions): Promise<LocalServer> {
  const program = options.program ?? findRedis();
  if (!program)
    throw new MissingProgramError('redis-server is not installed; install it, or give PUSHFLEET_REDIS_URL');

  const directory = prepareDirectory(options.dir);
  await freeDirectory('redis', directory);
  const data = join(directory, 'data');
  return launch({
    name: 'Redis',
    kind: 'redis',
    directory,
    port: options.port,
    command: (port) =>
      program.kind === 'binary'
        ? { path: program.path, args: redisArguments({ ...options, port, data, bind: '127.0.0.1' }) }
        : {
            image: program.image,
            innerPort: 6379,
            dataDirectory: data,
            innerDirectory: '/data',
            args: [
              'redis-server',
              ...redisArguments({ ...options, port: 6379, data: '/data', bind: '0.0.0.0' }),
            ],
          },
    async probe(port, child) {
      const { ready, processId } = await pingRedis(port);
      // Without the comparison a stranger who took the port would pass for our server.
      return ready && (program.kind === 'docker' || processId === child.pid);
    },
    url: (port) => `redis://127.0.0.1:${port}`,
  });
}

/** The command line of redis-server. Pure. */
export function redisArguments(
  options: Pick<RedisOptions, 'appendonly' | 'extraArgs'> & { port: number; data: string; bind: string },
): string[] {
  return [
    ...['--port', String(options.port)],
    ...['--bind', options.bind],
    // Docker publishes the port on 127.0.0.1 alone, but Redis sees the bridge's address.
    ...['--protected-mode', options.bind === '127.0.0.1' ? 'yes' : 'no'],
    ...['--dir', options.data],
    ...['--save', ''],
    ...['--appendonly', options.appendonly === false ? 'no' : 'yes'],
    ...['--appendfsync', 'everysec'],
    ...['--maxmemory-policy', 'noeviction'],
    // Keeps the directory on the command line, where the next start recognises a left-over server by it.
    ...['--set-proc-title', 'no'],
    ...(options.extraArgs ?? []),
  ];
}
