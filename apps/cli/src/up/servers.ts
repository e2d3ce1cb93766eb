import { createHash } from 'node:crypto';
import { ensureServers } from '@pushfleet/local-servers/install-servers';
import type { LocalServer } from '@pushfleet/local-servers/local-server';
import { startMysql } from '@pushfleet/local-servers/start-mysql';
import { startRedis } from '@pushfleet/local-servers/start-redis';
import type { Settings } from './check-settings.ts';
import type { Parts } from './plan-parts.ts';
import { ensureBackendDatabase } from './sample-database.ts';
import type { Screen } from './screen.ts';
import type { Shutdown } from './shutdown.ts';
import type { StateDirectory } from './state-directory.ts';

export interface EmbeddedMysql {
  readonly host: string;
  readonly port: number;
  /** Settles when it has ended by itself. */
  readonly exited: Promise<void>;
  readonly socketPath: string | undefined;
  readonly database: string;
  /** The command that opens a client on the database, where it is not one of this machine. */
  readonly client?: string;
}

export interface EmbeddedServers {
  readonly mysql: EmbeddedMysql | undefined;
  readonly redis: { readonly exited: Promise<void> } | undefined;
  readonly settings: Settings;
}

export interface ServersOptions {
  readonly parts: Parts;
  readonly sample: boolean;
  /** Settings of the caller. */
  readonly given: Settings;
  readonly state: StateDirectory;
  readonly screen: Screen;
  readonly shutdown: Shutdown;
}

/**
 * Finds or installs what runs embedded, and starts it. Each is known to `shutdown` as soon as it runs, and
 * when one fails the other has either been started or has failed too.
 */
export async function startServers(options: ServersOptions): Promise<EmbeddedServers> {
  const { parts, screen, shutdown } = options;
  const wish = { redis: parts.redis === 'embedded', mysql: parts.mysql === 'embedded' };
  const programs = await ensureServers(wish, (line) => screen.say(`  ${line}`));
  shutdown.signal.throwIfAborted();
  const starts = [
    wish.mysql ? startEmbeddedMysql(options, programs.mysql) : undefined,
    wish.redis ? startEmbeddedRedis(options, programs.redis) : undefined,
  ] as const;
  await Promise.allSettled(starts);
  const [mysql, redis] = await Promise.all(starts);
  return {
    mysql,
    redis,
    settings: {
      ...(mysql && {
        PUSHFLEET_MYSQL_URL: `mysql://root@${mysql.host}:${mysql.port}/${mysql.database}?ssl-mode=DISABLED`,
      }),
      ...(redis && { PUSHFLEET_REDIS_URL: redis.url }),
    },
  };
}

type Programs = Awaited<ReturnType<typeof ensureServers>>;

async function startEmbeddedMysql(
  { parts, sample, state, screen, shutdown }: ServersOptions,
  program: Programs['mysql'],
): Promise<EmbeddedMysql> {
  const database = databaseName(parts, sample);
  const server = await screen.step(
    'MySQL',
    async () => {
      const started = await startMysql({ dir: state.file('mysql'), program });
      shutdown.add({ name: 'MySQL', kind: 'server', ...stopping(started) });
      return started;
    },
    ({ port }) =>
      `${program?.kind === 'binary' && program.flavour === 'mysql' ? 'MySQL' : 'MariaDB'} on 127.0.0.1:${port}, data in .pushfleet/mysql`,
  );
  shutdown.signal.throwIfAborted();
  await screen.step(
    'database',
    () =>
      ensureBackendDatabase({
        server: { host: '127.0.0.1', port: server.port },
        name: database,
        sample,
        marker: state.file('mysql', `${database}.made`),
      }),
    (isNew) =>
      `database "${database}": ${sample ? '10,000 device tokens in 4 groups' : "the backend's tables"}${isNew ? '' : ' (kept)'}`,
  );
  const { port, exited, socketPath } = server;
  return { host: '127.0.0.1', port, exited, socketPath, database };
}

async function startEmbeddedRedis(
  { parts, sample, given, state, screen, shutdown }: ServersOptions,
  program: Programs['redis'],
): Promise<LocalServer> {
  const directory = state.file(redisDirectory(parts, sample, given));
  return screen.step(
    'Redis',
    async () => {
      const started = await startRedis({ dir: directory, program });
      shutdown.add({ name: 'Redis', kind: 'server', ...stopping(started) });
      return started;
    },
    ({ port }) => `Redis on 127.0.0.1:${port}`,
  );
}

/** Rows that were meant for the simulator never come near Apple: another database. */
function databaseName(parts: Parts, sample: boolean): string {
  if (sample) return 'sample';
  return parts.apns === 'embedded' ? 'empty' : 'empty_for_apple';
}

/** Jobs belong to one database: another one gets a Redis of its own. */
function redisDirectory(parts: Parts, sample: boolean, given: Settings): string {
  const database =
    parts.mysql === 'embedded'
      ? databaseName(parts, sample)
      : createHash('sha256')
          .update(`${given.PUSHFLEET_MYSQL_URL} ${given.PUSHFLEET_STATE_DATABASE ?? ''}`)
          .digest('hex')
          .slice(0, 12);
  return `redis-${database}`;
}

function stopping(server: LocalServer) {
  return { stop: () => server.stop(), kill: () => void server.kill('SIGKILL').catch(() => {}) };
}
