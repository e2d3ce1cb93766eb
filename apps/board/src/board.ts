import type { Config } from '@pushfleet/shared/platform/config';
import type { Log } from '@pushfleet/shared/platform/log';
import type { boardSettings, overviewSettings } from '@pushfleet/shared/platform/process-settings';
import type { Stoppable } from '@pushfleet/shared/platform/stop';
import type { QueueName } from '@pushfleet/shared/queue/keys';
import { connectRedis, type RedisClient, readCa } from '@pushfleet/shared/queue/redis-connection';
import { readFleet } from '@pushfleet/shared/store/fleet';
import { type OpenStore, openStore } from '@pushfleet/shared/store/open-store';
import { BatchQueueAdapter } from './batch-queue-adapter.ts';
import { boardApps } from './board-apps.ts';
import { createBoardServer } from './board-server.ts';
import { readLogin } from './login.ts';
import { FleetWatch } from './overview/fleet-view.ts';

export type BoardConfig = Config<(typeof boardSettings)[number]>;
export type OverviewConfig = Config<(typeof overviewSettings)[number]>;

const QUEUES: readonly QueueName[] = ['urgent', 'bulk', 'results'];

/** Somebody waits for the page. */
const MYSQL_ANSWERS_WITHIN_MS = 8_000;

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
export async function startBoard(
  config: BoardConfig,
  overview: OverviewConfig | null,
  log: Log,
): Promise<RunningBoard> {
  const apps = boardApps(config.PUSHFLEET_APP, config.PUSHFLEET_APPS_FILE);
  const ca = readCa(config.PUSHFLEET_REDIS_CA_FILE);
  // Fails fast while Redis is away: a page that says so is better than one that hangs.
  const redis = connectRedis(
    { target: config.PUSHFLEET_REDIS_URL, password: config.PUSHFLEET_REDIS_PASSWORD, ca, log },
    'adding',
  );
  const store = overview === null ? null : openLate(overview, config.PUSHFLEET_BOARD_WRITABLE);
  try {
    await readyOrLate(redis);
    const server = await createBoardServer({
      queues: apps.flatMap((app) =>
        QUEUES.map((name) => openAdapter(config, redis, app, name, apps.length > 1)),
      ),
      login: readLogin(config),
      basePath: config.PUSHFLEET_BOARD_BASE_PATH,
      port: config.PUSHFLEET_BOARD_PORT,
      trustedProxies: config.PUSHFLEET_BOARD_TRUSTED_PROXIES,
      writable: config.PUSHFLEET_BOARD_WRITABLE,
      showPayload: config.PUSHFLEET_BOARD_SHOW_PAYLOAD,
      fleet:
        overview === null || store === null
          ? null
          : {
              store: store.get,
              rules: rulesOf(overview),
              watch: new FleetWatch({
                store: store.get,
                redis,
                prefix: config.PUSHFLEET_REDIS_PREFIX,
                apps,
                rules: rulesOf(overview),
              }),
            },
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
        { name: 'mysql', stop: async () => store?.close() },
        { name: 'redis', stop: async () => redis.disconnect() },
      ],
    };
  } catch (error) {
    redis.disconnect();
    throw error;
  }
}

function rulesOf(config: OverviewConfig) {
  return {
    zone: config.PUSHFLEET_TIMEZONE,
    maxAge: config.PUSHFLEET_MAX_AGE,
    defaultApp: config.PUSHFLEET_APP,
  };
}

/** Opened when it is first asked for: a MySQL that is away at the start is found by the next page. */
function openLate(config: OverviewConfig, writable: boolean) {
  let opening: Promise<OpenStore> | null = null;
  const open = async () => {
    const store = await openStore(config, 4, {
      readOnly: !writable,
      answerWithinMs: MYSQL_ANSWERS_WITHIN_MS,
    });
    try {
      await readFleet(store.database, store.tables);
      return store;
    } catch (error) {
      await store.close().catch(() => {});
      throw error;
    }
  };
  return {
    get(): Promise<OpenStore> {
      opening ??= open().catch((error: unknown) => {
        opening = null;
        throw error;
      });
      return opening;
    },
    close: async () => (await opening?.catch(() => null))?.close(),
  };
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
