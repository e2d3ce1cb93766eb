import { foreignRedis } from '@pushfleet/app-producer/publish-control';
import { ConfigurationError, type Environment, loadConfig } from '@pushfleet/shared/platform/config';
import { createLog } from '@pushfleet/shared/platform/log';
import { readControlCopy } from '@pushfleet/shared/queue/control-copy';
import { checkRedis as checkServer } from '@pushfleet/shared/queue/redis-check';
import { connectRedis, type RedisClient, readCa } from '@pushfleet/shared/queue/redis-connection';
import { appFinding, type WorkerApp } from './app-finding.ts';
import { type Finding, fault, ok } from './finding.ts';
import { settingFinding } from './settings-findings.ts';

const SETTINGS = [
  'PUSHFLEET_REDIS_URL',
  'PUSHFLEET_REDIS_PASSWORD',
  'PUSHFLEET_REDIS_CA_FILE',
  'PUSHFLEET_REDIS_PREFIX',
] as const;
const PATIENCE_MS = 3_000;

/**
 * Redis by the rules of every start, and whose it is.
 *
 * @param apps that these settings serve
 * @param fleet of the tables; null where they are not known here
 * @param worker null: no worker is looked at
 */
export async function checkRedis(
  environment: Environment,
  apps: readonly string[],
  fleet: string | null,
  worker: WorkerApp | null,
): Promise<Finding[]> {
  let redis: RedisClient | undefined;
  try {
    const config = loadConfig(SETTINGS, environment);
    redis = connectRedis(
      {
        target: config.PUSHFLEET_REDIS_URL,
        password: config.PUSHFLEET_REDIS_PASSWORD,
        ca: readCa(config.PUSHFLEET_REDIS_CA_FILE),
        log: createLog('cli', { level: 'silent', format: 'json' }),
      },
      'adding',
    );
    await checkServer(redis, PATIENCE_MS);
    return [
      ok('Redis', 'answers, is append-only and never evicts'),
      await ownerFinding(redis, config.PUSHFLEET_REDIS_PREFIX, apps, fleet),
      ...(await registeredApp(redis, config.PUSHFLEET_REDIS_PREFIX, worker)),
    ];
  } catch (error) {
    const faults = error instanceof ConfigurationError ? error.faults : [(error as Error).message];
    return faults.map((text) => redisFinding(text.trim()));
  } finally {
    redis?.disconnect();
  }
}

/** The start's fault, and where a setting of the server mends it the command that changes it. */
export function redisFinding(text: string): Finding {
  const setting = /set "([\w-]+) ([\w-]+)"/.exec(text);
  const finding = settingFinding('Redis', text);
  if (setting === null) return finding;
  const [, name, value] = setting;
  return {
    ...finding,
    note: 'in redis-cli; the second line writes it into redis.conf. A managed Redis has it in its console',
    mend: `CONFIG SET ${name} ${value}\nCONFIG REWRITE`,
  };
}

/** Nothing to compare with before a producer has run. */
async function registeredApp(
  redis: RedisClient,
  prefix: string,
  worker: WorkerApp | null,
): Promise<Finding[]> {
  const copy = worker === null ? null : await readControlCopy(redis, prefix, worker.app);
  return worker === null || copy === null ? [] : [appFinding(worker, copy, 'the producer that last ran')];
}

async function ownerFinding(
  redis: RedisClient,
  prefix: string,
  apps: readonly string[],
  fleet: string | null,
): Promise<Finding> {
  const owners = new Set<string>();
  for (const app of apps) {
    const copy = await readControlCopy(redis, prefix, app);
    if (copy !== null) owners.add(copy.fleet);
  }
  const other = [...owners].find((owner) => owner !== fleet);
  if (other === undefined)
    return ok(
      'fleet in Redis',
      owners.size === 0 ? 'none yet under this prefix' : `${fleet}, that of the tables`,
    );
  if (fleet === null)
    return ok('fleet in Redis', `${other}; whether it is that of the tables, a producer's doctor says`);
  return fault(
    'fleet in Redis',
    foreignRedis(other, fleet).faults[0]!.split('; ')[0]!,
    `PUSHFLEET_REDIS_PREFIX=${prefix}-${fleet}`,
    'or another Redis in PUSHFLEET_REDIS_URL',
  );
}
