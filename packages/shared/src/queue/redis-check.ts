import { setTimeout as sleep } from 'node:timers/promises';
import { Cluster } from 'ioredis';
import { ConfigurationError } from '../platform/config.ts';
import type { Log } from '../platform/log.ts';
import { untilServerIsThere } from '../platform/server-wait.ts';
import type { RedisClient } from './redis-connection.ts';

/** The oldest Redis that BullMQ 6 recommends. */
const OLDEST = [6, 2] as const;
const ASKED_FOR_MS = 2_000;

/** Redis does not answer, or is still loading its data. Asking again later may help. */
export class RedisAwayError extends Error {
  readonly code = 'PUSHFLEET_REDIS_AWAY';
  override readonly name = 'RedisAwayError';
}

/**
 * The start-up check: Redis answers, keeps what it acknowledges, and never evicts. Anything less loses
 * jobs silently, so nothing starts on it. Of a Cluster each master is asked.
 *
 * @param patienceMs how long an unreachable or loading Redis is asked again
 * @throws RedisAwayError when it is not there by then
 * @throws ConfigurationError with all faults, each with its mend
 */
export async function checkRedis(redis: RedisClient, patienceMs = 5_000): Promise<void> {
  // A command that waits for a connection says only that there is none; the connection knows why.
  const cause: { last?: Error } = {};
  const note = (error: Error) => {
    cause.last = error;
  };
  redis.on('error', note);
  const until = Date.now() + patienceMs;
  try {
    const infos = [await readInfo(redis, until, cause)];
    if (redis instanceof Cluster)
      for (const master of redis.nodes('master')) infos.push(await readInfo(master, until, cause));
    const faults = new Set(infos.flatMap(redisFaults));
    if (faults.size > 0) throw new ConfigurationError([...faults]);
    // INFO is answered before the connection counts as ready for other commands.
    while (redis.status !== 'ready' && Date.now() < until) await sleep(10);
  } finally {
    redis.off('error', note);
  }
}

/** What is wrong with a Redis whose INFO says this. INFO and not CONFIG, which managed services forbid. */
export function redisFaults(info: string): string[] {
  const fields = new Map(
    info.split(/\r?\n/).map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)] as const;
    }),
  );
  const faults: string[] = [];
  const version = fields.get('redis_version') ?? '';
  const [major, minor] = version.split('.').map(Number);
  if (version !== '' && (major! < OLDEST[0] || (major === OLDEST[0] && minor! < OLDEST[1])))
    faults.push(`PUSHFLEET_REDIS_URL: Redis ${version} is too old; use ${OLDEST.join('.')} or newer`);
  if (fields.get('aof_enabled') === '0')
    faults.push(
      'PUSHFLEET_REDIS_URL: this Redis has no append-only file, so a restart forgets minutes of work; set "appendonly yes" in its configuration',
    );
  const policy = fields.get('maxmemory_policy');
  if (policy !== undefined && policy !== 'noeviction')
    faults.push(
      `PUSHFLEET_REDIS_URL: this Redis evicts keys when memory is short (maxmemory-policy is ${policy}); set "maxmemory-policy noeviction"`,
    );
  return faults;
}

/** Asking again changes nothing about these. */
const REFUSED = /^(NOAUTH|WRONGPASS|NOPERM)\b|certificate|altnames/;

/** The start-up check of a process: waits for Redis as long as it takes. @throws ConfigurationError */
export function awaitRedis(redis: RedisClient, log: Log): Promise<void> {
  return untilServerIsThere({
    server: 'Redis',
    setting: 'PUSHFLEET_REDIS_URL',
    open: () => checkRedis(redis, ASKED_FOR_MS),
    isAway: (error) => error instanceof RedisAwayError,
    log,
  });
}

async function readInfo(redis: RedisClient, until: number, cause: { last?: Error }): Promise<string> {
  for (;;) {
    const info = await within(redis.info(), until - Date.now()).catch((error: Error) => error);
    if (typeof info === 'string' && !/^loading:1/m.test(info)) return info;
    const refused = [info, cause.last].find(
      (said): said is Error => typeof said === 'object' && REFUSED.test(said.message),
    );
    if (refused !== undefined) throw new ConfigurationError([unreachable(refused)]);
    if (Date.now() + 100 >= until)
      throw new RedisAwayError(unreachable(typeof info === 'string' ? info : (cause.last ?? info)));
    await sleep(100);
  }
}

function unreachable(answer: string | Error): string {
  if (typeof answer === 'string')
    return 'PUSHFLEET_REDIS_URL: Redis is still loading its data; start again later';
  if (answer.message.startsWith('NOPERM'))
    return `PUSHFLEET_REDIS_URL: Redis does not let this user do INFO (${answer.message}); give it the rights of deploy/redis/acl.conf`;
  const check = /certificate|altnames/.test(answer.message)
    ? 'is PUSHFLEET_REDIS_CA_FILE the CA of its certificate, and the host a name in it?'
    : 'is it running, and are address, user and password right?';
  return `PUSHFLEET_REDIS_URL: Redis cannot be reached (${answer.message}); ${check}`;
}

async function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), Math.max(0, ms));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
