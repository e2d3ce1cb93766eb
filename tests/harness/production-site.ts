import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Simulator, startSimulator } from '@pushfleet/apns-simulator/simulator';
import { makeSigningKey } from '@pushfleet/apns-simulator/test-client';
import { findFreePort } from '@pushfleet/local-servers/free-port';
import { debianRedis } from './debian-redis.ts';
import { blocksOf } from './document-blocks.ts';
import type { StatusDocument } from './fleet.ts';
import { type GuideShell, openGuideShell } from './guide-shell.ts';
import { type PrivateMysql, startPrivateMysql } from './private-mysql.ts';
import { createTestDatabase, type TestDatabase } from './test-database.ts';
import { UnitManager } from './unit-manager.ts';
import { untilTrue } from './wait.ts';

const GUIDE = 'debian.md';
const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/** A machine as docs/debian.md wants it, below a directory of its own, before its first step. */
export interface ProductionSite {
  readonly root: string;
  readonly manager: UnitManager;
  readonly shell: GuideShell;
  readonly simulator: Simulator;
  readonly mysql: PrivateMysql;
  /** As root, in the backend's database. */
  readonly database: TestDatabase;
  readonly ports: Readonly<Record<SitePort, number>>;
  /** The block of that step, as it stands in the guide. */
  block(step: string): string;
  /** Runs it. @returns what it printed */
  step(step: string): Promise<string>;
  /** What a person fills in after step 3: the key, addresses of the servers here, ports that are free. */
  fillIn(): void;
  /** Puts a key where workers' key is; `right` is the one that the simulator knows. */
  putKey(right: boolean): void;
  /** The guide's line for the commands of every day. */
  readonly pushfleetFunction: string;
  /** `pushfleet WORDS` as an operator. @returns what it printed; throws when it fails */
  operator(words: string): Promise<string>;
  status(id: number): Promise<StatusDocument>;
  /** Waits until these notifications have ended. */
  ended(ids: readonly number[]): Promise<void>;
  /** `redis-cli WORDS` as Redis' administrator. */
  redisCli(words: string): Promise<string>;
  close(): Promise<void>;
}

type SitePort = 'redis' | 'producer' | 'worker1' | 'worker2' | 'board';

/** Why it cannot be done here, or null. */
export function whyNoProduction(): string | null {
  if (process.getuid?.() !== 0) return 'needs root, as processes run as users of their own';
  const programs = ['prometheus', 'setpriv', 'envsubst', 'redis-server', 'mariadb', 'curl', 'openssl', 'git'];
  const missing = programs.filter((name) => {
    try {
      execFileSync('sh', ['-c', `command -v ${name}`]);
      return false;
    } catch {
      return true;
    }
  });
  if (missing.length > 0) return `needs ${missing.join(', ')}: apt-get install prometheus gettext-base …`;
  return null;
}

/** Starts the servers and Apple's stand-in; nothing of ours. */
export async function openProductionSite(): Promise<ProductionSite> {
  const root = mkdtempSync(join(tmpdir(), 'pushfleet-production-'));
  chmodSync(root, 0o755); // the units' users go through it
  for (const path of ['opt', 'etc/systemd/system', 'etc/redis', 'etc/prometheus', 'var/redis'])
    mkdirSync(join(root, path), { recursive: true });
  const names: readonly SitePort[] = ['redis', 'producer', 'worker1', 'worker2', 'board'];
  const ports = {} as Record<SitePort, number>;
  for (const name of names) ports[name] = await findFreePort();

  const [right, wrong] = [makeSigningKey(), makeSigningKey()];
  const simulator = await startSimulator({
    topics: ['com.example.app'],
    teamId: 'TEAMID1234',
    keyId: 'KEYID12345',
    publicKeyPem: right.publicKeyPem,
  });
  writeFileSync(join(root, 'apple.pem'), simulator.caPem);
  const mysql = await startPrivateMysql();
  const database = await createTestDatabase();
  const redis = debianRedis(root, ports.redis);
  const manager = new UnitManager(root, { 'redis-server': redis });
  const shell = await openGuideShell(root, manager, [
    '-S',
    join(mysql.directory, 'mysql.sock'),
    '-u',
    'root',
  ]);

  const credentials = join(root, 'etc/pushfleet/credentials');
  const settings = (name: string) => join(root, 'etc/pushfleet', `${name}.env`);
  const blocks = blocksOf(GUIDE);
  const block = (step: string) => {
    const found = blocks.find(({ marker }) => marker === `verify production: ${step}`);
    if (found === undefined) throw new Error(`${GUIDE} has no block "${step}"`);
    return found.code
      .replace('REPOSITORY', CHECKOUT)
      .replace('BACKEND=app STATE=app', `BACKEND=${database.name} STATE=${database.name}`);
  };
  const putKey = (isRight: boolean) =>
    writeFileSync(join(credentials, 'worker/apns-key.p8'), (isRight ? right : wrong).privateKeyPem, {
      mode: 0o600,
    });
  const pushfleetFunction = block('doctor').split('\n')[0]!;
  const operator = (words: string) => shell.run(`${pushfleetFunction}\npushfleet ${words}`);
  return {
    root,
    manager,
    shell,
    simulator,
    mysql,
    database,
    ports,
    block,
    step: (step) => shell.run(block(step)),
    fillIn() {
      putKey(true);
      const mysqlPort = new URL(mysql.url).port;
      for (const name of readdirSync(join(root, 'etc/pushfleet')).filter((file) => file.endsWith('.env'))) {
        const path = join(root, 'etc/pushfleet', name);
        const text = shell
          .here(readFileSync(path, 'utf8'))
          .replace(':3306/app', `:${mysqlPort}/${database.name}`)
          .replace(':6379', `:${ports.redis}`)
          .replace('ABC1234567', 'KEYID12345')
          .replace('DEF1234567', 'TEAMID1234');
        writeFileSync(path, text);
      }
      const append = (name: string, ...lines: string[]) =>
        appendFileSync(settings(name), `${lines.join('\n')}\n`, { mode: 0o600 });
      append(
        'common',
        `PUSHFLEET_APNS_URL=${simulator.url}`,
        `PUSHFLEET_APNS_CA_FILE=${join(root, 'apple.pem')}`,
      );
      append('producer', `PUSHFLEET_HTTP_PORT=${ports.producer}`, 'PUSHFLEET_RATE_PER_SECOND=200');
      append('worker-1', `PUSHFLEET_HTTP_PORT=${ports.worker1}`);
      append('worker-2', `PUSHFLEET_HTTP_PORT=${ports.worker2}`);
      append('board', `PUSHFLEET_BOARD_PORT=${ports.board}`);
    },
    putKey,
    pushfleetFunction,
    operator,
    status: async (id) => JSON.parse(await operator(`status ${id} --json`)) as StatusDocument,
    async ended(ids) {
      const open =
        'SELECT COUNT(*) AS ended FROM pushfleet_dispatch WHERE notification_id IN (?) AND finished_at IS NOT NULL';
      await untilTrue(
        async () => (await database.query<{ ended: number }>(open, [[...ids]]))[0]!.ended,
        (count) => count === ids.length,
        90_000,
      );
    },
    redisCli: (words) =>
      shell.run(
        `REDISCLI_AUTH=$(cat /etc/pushfleet/credentials/admin/redis-password) redis-cli --user admin -p ${ports.redis} ${words}`,
      ),
    async close() {
      await manager.stopAll();
      await redis.stop();
      await shell.close();
      await simulator.close();
      await database.drop();
      await mysql.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
