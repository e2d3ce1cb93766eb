/** What the benchmarks run on: private servers, device tokens, processes. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const BINARY = fileURLToPath(new URL('../apps/cli/bin/pushfleet.js', import.meta.url));
const SCHEMA = fileURLToPath(new URL('../apps/cli/sql/doctrine.sql', import.meta.url));
/** Packages as packages/shared has them. */
export const requireShared = createRequire(new URL('../packages/shared/package.json', import.meta.url));
const ROWS_PER_INSERT = 20_000;

/**
 * Private servers, a simulator that counts, and the tables.
 *
 * @param {(() => Promise<void>)[]} stops gets what ends them, to be called in reverse
 * @param {string[]} simulatorFlags such as `--fast`
 */
export async function startServers(directory, stops, simulatorFlags = []) {
  const { ensureServers } = await import('../packages/local-servers/dist/install-servers.js');
  const { startRedis } = await import('../packages/local-servers/dist/start-redis.js');
  const { startMysql } = await import('../packages/local-servers/dist/start-mysql.js');
  const { makeSigningKey } = await import('../packages/apns-simulator/dist/test-client.js');
  const programs = await ensureServers({ mysql: true, redis: true }, () => {});
  const redis = await startRedis({ dir: join(directory, 'redis'), program: programs.redis });
  stops.push(() => redis.stop());
  const server = await startMysql({
    dir: join(directory, 'mysql'),
    program: programs.mysql,
    fast: true,
    bufferPool: '1G',
  });
  stops.push(() => server.stop());
  const mysql = await requireShared('mysql2/promise').createConnection({
    uri: server.url,
    multipleStatements: true,
  });
  stops.push(() => mysql.end());
  await mysql.query('CREATE DATABASE bench CHARACTER SET utf8mb4; USE bench');
  await mysql.query(readFileSync(SCHEMA, 'utf8'));

  writeFileSync(join(directory, 'key.p8'), makeSigningKey().privateKeyPem, { mode: 0o600 });
  const simulator = await startSimulator(directory, stops, simulatorFlags);
  const environment = {
    PUSHFLEET_MYSQL_URL: `${server.url}bench`,
    PUSHFLEET_REDIS_URL: redis.url,
    PUSHFLEET_APNS_TOPIC: 'com.example.app',
    PUSHFLEET_APNS_ENVIRONMENT: 'sandbox',
    ...simulator.environment,
    PUSHFLEET_APNS_KEY_FILE: join(directory, 'key.p8'),
    PUSHFLEET_APNS_KEY_ID: 'KEYID12345',
    PUSHFLEET_APNS_TEAM_ID: 'TEAMID1234',
    PUSHFLEET_LOG_FORMAT: 'json',
  };
  const migrated = await start(['migrate'], environment, null, []);
  if ((await migrated.exited) !== 0) throw new Error(`migrate failed:\n${migrated.output()}`);
  return {
    environment,
    mysql,
    redisUrl: redis.url,
    adminUrl: simulator.adminUrl,
    pids: { mysql: server.pid, redis: redis.pid, simulator: simulator.pid },
  };
}

let simulators = 0;

/** A simulator that counts, and the settings that lead to it. */
export async function startSimulator(directory, stops, flags) {
  const caFile = join(directory, `ca-${++simulators}.pem`);
  const ready = /https:\/\/localhost:\d+/;
  const simulator = await start(
    ['simulator', '--port', '0', '--record', 'counts', '--ca-file', caFile, ...flags],
    {},
    ready,
    stops,
  );
  return {
    pid: simulator.pid,
    adminUrl: /"adminUrl":"([^"]+)"/.exec(simulator.output())[1],
    environment: { PUSHFLEET_APNS_URL: ready.exec(simulator.output())[0], PUSHFLEET_APNS_CA_FILE: caFile },
  };
}

/** Device tokens in one group; device tokens spread over the whole range as real ones are. */
export async function seed(mysql, size, say) {
  const startedAt = performance.now();
  await mysql.query("INSERT INTO token_group (id, name) VALUES (1, 'all')");
  await mysql.query('SET unique_checks = 0, foreign_key_checks = 0');
  for (let from = 1; from <= size; from += ROWS_PER_INSERT) {
    const ids = Array.from({ length: Math.min(ROWS_PER_INSERT, size - from + 1) }, (_, i) => from + i);
    await mysql.query('INSERT INTO token (id, token, active) VALUES ?', [
      ids.map((id) => [id, deviceToken(id), 1]),
    ]);
    await mysql.query('INSERT INTO token_group_token VALUES ?', [ids.map((id) => [1, id])]);
  }
  say(
    `${size.toLocaleString('en')} device tokens inserted in ${((performance.now() - startedAt) / 1000).toFixed(0)} s`,
  );
}

function deviceToken(id) {
  const spread = (Math.imul(id, 2654435761) >>> 0).toString(16).padStart(8, '0');
  return spread.repeat(6) + id.toString(16).padStart(16, '0');
}

/** Starts a `pushfleet` process (or another program) and waits until it has printed `ready`. */
export async function start(args, environment, ready, stops, program = BINARY) {
  const child = spawn(process.execPath, [program, ...args], {
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      NODE_OPTIONS: process.env.NODE_OPTIONS ?? '',
      ...environment,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // Only the end of a long log is kept.
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      output = (output + chunk).slice(-20_000);
    });
  const exited = new Promise((resolve) => child.on('close', (code, signal) => resolve(code ?? signal)));
  stops.push(async () => {
    child.kill('SIGTERM');
    await exited;
  });
  for (
    let tries = 0;
    ready !== null && !(ready instanceof RegExp ? ready.test(output) : output.includes(ready));
    tries++
  ) {
    if (tries > 300 || child.exitCode !== null)
      throw new Error(`${args[0] ?? program} did not start:\n${output}`);
    await sleep(100);
  }
  return { pid: child.pid, output: () => output, exited, write: (text) => child.stdin.write(text) };
}
