import { setTimeout as sleep } from 'node:timers/promises';
import { CommandFailure } from '../failure.ts';
import { ensureBackendDatabase, onServer, type ServerAddress } from './sample-database.ts';
import type { Screen } from './screen.ts';
import type { EmbeddedServers } from './servers.ts';

/** Addresses (`host:port`) of servers that were made for a demonstration and are thrown away with it. */
export interface DemoServers {
  readonly mysql: string;
  readonly redis: string;
}

const DATABASE = 'sample';
const SYSTEM_DATABASES: readonly string[] = ['information_schema', 'mysql', 'performance_schema', 'sys'];
const PATIENCE_MS = 60_000;

/**
 * Takes servers that somebody else started in place of embedded ones: those of `docker-compose.yml`'s profile
 * "demo". Sample data never comes near a real database: a MySQL that holds anything else is refused.
 *
 * @throws CommandFailure with exit code 2 for such a MySQL
 */
export async function useDemoServers(demo: DemoServers, screen: Screen): Promise<EmbeddedServers> {
  const server = addressOf(demo.mysql, 3306);
  const redis = addressOf(demo.redis, 6379);
  const version = await screen.step(
    'MySQL',
    () => lookAtEmptyServer(server),
    (text) => `MySQL on ${demo.mysql} (${text}), Redis on ${demo.redis}`,
  );
  await screen.step(
    'database',
    () => ensureBackendDatabase({ server, name: DATABASE, sample: true }),
    (isNew) => `database "${DATABASE}": 10,000 device tokens in 4 groups${isNew ? '' : ' (kept)'}`,
  );
  return {
    mysql: {
      ...server,
      exited: never(),
      socketPath: undefined,
      database: DATABASE,
      client: `docker compose exec demo-database ${/mariadb/i.test(version) ? 'mariadb' : 'mysql'} ${DATABASE}`,
    },
    redis: { exited: never() },
    settings: {
      PUSHFLEET_MYSQL_URL: `mysql://root@${server.host}:${server.port}/${DATABASE}?ssl-mode=DISABLED`,
      PUSHFLEET_REDIS_URL: `redis://${redis.host}:${redis.port}`,
      // Jobs belong to one database: a new one does not meet those of the last.
      PUSHFLEET_REDIS_PREFIX: await prefixOf(server),
    },
  };
}

/** @returns its version */
async function lookAtEmptyServer(server: ServerAddress): Promise<string> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      const { names, version } = await onServer(server, 'mysql', async (database) => ({
        names: (await database.arrays('SHOW DATABASES')).flat().map(String),
        version: String((await database.arrays('SELECT VERSION()'))[0]![0]),
      }));
      const others = names.filter((name) => name !== DATABASE && !SYSTEM_DATABASES.includes(name));
      if (others.length === 0) return version;
      throw new CommandFailure(
        `the MySQL of a demonstration must hold nothing else, and this one has ${others.join(', ')}`,
        2,
      );
    } catch (error) {
      // Its container may be up a moment before it answers.
      if (error instanceof CommandFailure || Date.now() > until) throw error;
      await sleep(500);
    }
  }
}

function prefixOf(server: ServerAddress): Promise<string> {
  return onServer(server, 'information_schema', async (database) => {
    const [row] = await database.rows<{ made: number }>(
      "SELECT UNIX_TIMESTAMP(MIN(CREATE_TIME)) AS made FROM TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = 'token'",
      [DATABASE],
    );
    return `demo-${Number(row!.made)}`;
  });
}

function addressOf(text: string, usualPort: number): ServerAddress {
  const [host = '', port] = text.split(':');
  return { host, port: port === undefined ? usualPort : Number(port) };
}

/** Whoever started it sees to it. */
function never(): Promise<void> {
  return new Promise(() => {});
}
