import { readFileSync } from 'node:fs';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { ConfigurationError } from '../platform/config.ts';
import type { Log } from '../platform/log.ts';
import type { RedisTarget } from '../platform/redis-url.ts';
import { withSettledConnect } from './settled-connect.ts';

export type RedisClient = Redis | Cluster;

export interface RedisConnectionOptions {
  readonly target: RedisTarget;
  readonly password?: string;
  /** PEM of the server's CA. */
  readonly ca?: string;
  /** A connection that says nothing for so long, while an answer is due, is replaced. Default 15 s. */
  readonly answerWithinMs?: number;
  readonly log: Log;
}

/**
 * A host that vanished (failover, power) closes nothing: without this a command would wait for TCP to give
 * up, a quarter of an hour. Longer than BullMQ lets Redis hold back an answer, which is 10 s.
 */
const ANSWER_WITHIN_MS = 15_000;

/**
 * - `adding`: fails fast while Redis is away and never repeats a command by itself: an add whose answer
 *   is unknown is left to the reconciler.
 * - `working`: waits for Redis as long as it takes; what BullMQ's workers need.
 */
export type RedisUse = 'adding' | 'working';

export function connectRedis(options: RedisConnectionOptions, use: RedisUse): RedisClient {
  const { target, username } = userBesidePassword(options);
  const common = { ...commonOptions(options, use), ...(username !== undefined && { username }) };
  const client =
    target.kind === 'cluster'
      ? withSettledConnect(
          new Cluster([...target.urls], { redisOptions: common, enableOfflineQueue: use === 'working' }),
        )
      : target.kind === 'sentinel'
        ? new Redis({
            ...common,
            sentinels: [...target.sentinels],
            name: target.master,
            username: target.username,
            password: options.password ?? target.password,
          })
        : new Redis(target.url, common);
  // One line per state, not per failed command.
  let told = false;
  client.on('error', (error) => {
    if (!told)
      options.log.warn({ event: 'redis.unreachable', err: error }, 'Redis cannot be reached; trying again');
    told = true;
  });
  client.on('ready', () => {
    if (told) options.log.info({ event: 'redis.reachable' }, 'Redis is back');
    told = false;
  });
  return client;
}

/**
 * ioredis reads `redis://user@host` as a user with an empty password, and takes that over the password
 * among its options. So where the password comes apart from the address, the user goes with it. In a
 * Cluster that way also to the nodes that no address names.
 */
function userBesidePassword({ target, password }: RedisConnectionOptions): {
  readonly target: RedisTarget;
  readonly username?: string;
} {
  if (password === undefined || target.kind === 'sentinel') return { target };
  const urls = (target.kind === 'single' ? [target.url] : target.urls).map((url) => new URL(url));
  const username = urls.find((url) => url.password === '' && url.username !== '')?.username;
  if (username === undefined) return { target };
  for (const url of urls) if (url.password === '') url.username = '';
  const hrefs = urls.map((url) => url.href);
  return {
    target: target.kind === 'single' ? { kind: 'single', url: hrefs[0]! } : { kind: 'cluster', urls: hrefs },
    username: decodeURIComponent(username),
  };
}

function commonOptions(
  { password, ca, answerWithinMs = ANSWER_WITHIN_MS }: RedisConnectionOptions,
  use: RedisUse,
): RedisOptions {
  return {
    ...(password !== undefined && { password }),
    ...(ca !== undefined && { tls: { ca } }),
    retryStrategy: (attempt) => Math.min(attempt * 200, 1_000),
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
    connectTimeout: 2_000,
    socketTimeout: answerWithinMs,
    ...(use === 'working'
      ? { maxRetriesPerRequest: null }
      : // Not 1: with the first reconnect ioredis would forget the commands under way, and never settle them.
        { maxRetriesPerRequest: 0, enableOfflineQueue: false, autoResendUnfulfilledCommands: false }),
  };
}

/**
 * The file of PUSHFLEET_REDIS_CA_FILE.
 * @throws ConfigurationError when it cannot be read
 */
export function readCa(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new ConfigurationError([`PUSHFLEET_REDIS_CA_FILE: ${path} cannot be read (${code})`]);
  }
}
