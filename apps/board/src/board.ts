import type { Config } from '@pushfleet/shared/platform/config';
import type { Log } from '@pushfleet/shared/platform/log';
import type { boardSettings } from '@pushfleet/shared/platform/process-settings';
import type { Stoppable } from '@pushfleet/shared/platform/stop';
import type { QueueName } from '@pushfleet/shared/queue/keys';
import { connectRedis, type RedisClient, readCa } from '@pushfleet/shared/queue/redis-connection';
import { BatchQueueAdapter } from './batch-queue-adapter.ts';
import { boardApps } from './board-apps.ts';
import { createBoardServer } from './board-server.ts';
import { readLogin } from './login.ts';

export type BoardConfig = Config<(typeof boardSettings)[number]>;

const QUEUES: readonly QueueName[] = ['urgent', 'bulk', 'results'];

/** How long the start waits for Redis before it serves pages that say it is away. */
const REDIS_PATIENCE_MS = 3_000;

export interface RunningBoard {
  /** Where it listens, without the base path, such as `http://127.0.0.1:3100`. */
  readonly address: string;
  /** In the order in which they are stopped. */
  readonly parts: readonly Stoppable[];
}

/**
 * Opens the queues of all apps and serves them.
 *
 * @throws ConfigurationError for an apps file that cannot be used
 * @throws Error when the address cannot be listened on
 */
export async function startBoard(config: BoardConfig, log: Log): Promise<RunningBoard> {
  const apps = boardApps(config.PUSHFLEET_APP, config.PUSHFLEET_APPS_FILE);
  const ca = readCa(config.PUSHFLEET_REDIS_CA_FILE);
  // Fails fast while Redis is away: a page that says so is better than one that hangs.
  const redis = connectRedis(
    { target: config.PUSHFLEET_REDIS_URL, password: config.PUSHFLEET_REDIS_PASSWORD, ca, log },
    'adding',
  );
  try {
    await readyOrLate(redis);
    const server = await createBoardServer({
      queues: apps.flatMap((app) =>
        QUEUES.map((name) => openAdapter(config, redis, app, name, apps.length > 1)),
      ),
      login: readLogin(config),
      basePath: config.PUSHFLEET_BOARD_BASE_PATH,
      writable: config.PUSHFLEET_BOARD_WRITABLE,
      showPayload: config.PUSHFLEET_BOARD_SHOW_PAYLOAD,
      log,
    });
    const address = await server.listen({
      host: config.PUSHFLEET_BOARD_HOST,
      port: config.PUSHFLEET_BOARD_PORT,
      listenTextResolver: (text) => text.replace(/^Server listening at /, ''),
    });
    return {
      address,
      parts: [
        { name: 'pages', stop: () => server.close() },
        { name: 'redis', stop: async () => redis.disconnect() },
      ],
    };
  } catch (error) {
    redis.disconnect();
    throw error;
  }
}

function openAdapter(
  config: BoardConfig,
  redis: RedisClient,
  app: string,
  name: QueueName,
  severalApps: boolean,
): BatchQueueAdapter {
  return new BatchQueueAdapter({
    redis,
    prefix: config.PUSHFLEET_REDIS_PREFIX,
    app,
    name,
    severalApps,
    writable: config.PUSHFLEET_BOARD_WRITABLE,
    showPayload: config.PUSHFLEET_BOARD_SHOW_PAYLOAD,
  });
}

async function readyOrLate(redis: RedisClient): Promise<void> {
  if (redis.status === 'ready') return;
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    redis.once('ready', resolve);
    timer = setTimeout(resolve, REDIS_PATIENCE_MS);
  });
  clearTimeout(timer);
}
