/**
 * Peak memory of producer and worker, and what Redis held, for audiences of very different size: all of
 * it must be flat. The simulator accepts everything and keeps no records.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const SIZES = [10_000, 1_000_000, 10_000_000];
const LONGEST_MS = 90 * 60_000;
const BINARY = fileURLToPath(new URL('../apps/cli/bin/pushfleet.js', import.meta.url));
const SCHEMA = fileURLToPath(new URL('../apps/cli/sql/doctrine.sql', import.meta.url));
const ROWS_PER_INSERT = 20_000;

/** @returns {Promise<number>} exit code */
export async function run(args, say) {
  const sizes = args.length > 0 ? args.map((arg) => Number(arg.replaceAll('_', ''))) : SIZES;
  if (sizes.some((size) => !Number.isInteger(size) || size < 1)) {
    process.stderr.write('sizes are whole numbers of recipients: npm run bench -- memory 10000 1000000\n');
    return 2;
  }
  const rows = [];
  for (const size of sizes) rows.push(await measure(size, say));
  say('\nrecipients    producer MB  worker MB  Redis MB  planned in s  accepted in s');
  for (const row of rows) {
    say(
      [
        row.size.toLocaleString('en').padEnd(13),
        row.producer.toFixed(0).padStart(11),
        row.worker.toFixed(0).padStart(10),
        row.redis.toFixed(0).padStart(9),
        row.plannedIn.toFixed(1).padStart(13),
        row.acceptedIn.toFixed(1).padStart(14),
      ].join(' '),
    );
  }
  const ratio = (name) => Math.max(...rows.map((row) => row[name])) / rows[0][name];
  say(
    `\nlargest to smallest: producer ${ratio('producer').toFixed(2)}, worker ${ratio('worker').toFixed(2)}`,
  );
  return 0;
}

async function measure(size, say) {
  const directory = mkdtempSync(join(tmpdir(), 'pushfleet-bench-'));
  const stops = [];
  try {
    const { environment, mysql, redisUrl } = await startServers(directory, stops);
    await seed(mysql, size, say);
    const producer = await start(['producer'], environment, '"producer.started"', stops);
    const worker = await start(['worker'], environment, '"worker.started"', stops);
    const startedAt = performance.now();
    await mysql.query('START TRANSACTION');
    await mysql.query(
      "INSERT INTO notification (id, message, sent, notificationdate) VALUES (1, 'Hello', 0, UTC_TIMESTAMP())",
    );
    await mysql.query('INSERT INTO notification_token_group VALUES (1, 1)');
    await mysql.query('COMMIT');
    let plannedIn = 0;
    for (;;) {
      await sleep(500);
      const [[dispatch]] = await mysql.query('SELECT state, recipients, planned_at FROM pushfleet_dispatch');
      if (plannedIn === 0 && dispatch?.planned_at) {
        plannedIn = (performance.now() - startedAt) / 1000;
        say(`${size.toLocaleString('en')} recipients: planned in ${plannedIn.toFixed(1)} s`);
      }
      if (dispatch?.state === 'done') break;
      if (performance.now() - startedAt > LONGEST_MS) throw new Error('the broadcast did not end in time');
    }
    return {
      size,
      producer: peakMemoryMb(producer.pid),
      worker: peakMemoryMb(worker.pid),
      redis: await redisPeakMb(redisUrl),
      plannedIn,
      acceptedIn: (performance.now() - startedAt) / 1000,
    };
  } finally {
    for (const stop of stops.reverse()) await stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function startServers(directory, stops) {
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
  const require = createRequire(new URL('../packages/shared/package.json', import.meta.url));
  const mysql = await require('mysql2/promise').createConnection({
    uri: server.url,
    multipleStatements: true,
  });
  stops.push(() => mysql.end());
  await mysql.query('CREATE DATABASE bench CHARACTER SET utf8mb4; USE bench');
  await mysql.query(readFileSync(SCHEMA, 'utf8'));

  writeFileSync(join(directory, 'key.p8'), makeSigningKey().privateKeyPem, { mode: 0o600 });
  const caFile = join(directory, 'ca.pem');
  const simulator = await start(
    ['simulator', '--port', '0', '--record', 'counts', '--ca-file', caFile],
    {},
    /https:\/\/localhost:\d+/,
    stops,
  );
  const environment = {
    PUSHFLEET_MYSQL_URL: `${server.url}bench`,
    PUSHFLEET_REDIS_URL: redis.url,
    PUSHFLEET_APNS_TOPIC: 'com.example.app',
    PUSHFLEET_APNS_ENVIRONMENT: 'sandbox',
    PUSHFLEET_APNS_URL: /https:\/\/localhost:\d+/.exec(simulator.output())[0],
    PUSHFLEET_APNS_CA_FILE: caFile,
    PUSHFLEET_APNS_KEY_FILE: join(directory, 'key.p8'),
    PUSHFLEET_APNS_KEY_ID: 'KEYID12345',
    PUSHFLEET_APNS_TEAM_ID: 'TEAMID1234',
    PUSHFLEET_LOG_FORMAT: 'json',
  };
  const migrated = await start(['migrate'], environment, null, []);
  if ((await migrated.exited) !== 0) throw new Error(`migrate failed:\n${migrated.output()}`);
  return { environment, mysql, redisUrl: redis.url };
}

/** Tokens in one group; device tokens spread over the whole range as real ones are. */
async function seed(mysql, size, say) {
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

/** Starts a `pushfleet` process and waits until it has printed `ready`. */
async function start(args, environment, ready, stops) {
  const child = spawn(process.execPath, [BINARY, ...args], {
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      NODE_OPTIONS: process.env.NODE_OPTIONS ?? '',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
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
    if (tries > 300 || child.exitCode !== null) throw new Error(`${args[0]} did not start:\n${output}`);
    await sleep(100);
  }
  return { pid: child.pid, output: () => output, exited };
}

/** Linux only: the most resident memory that the process ever had. */
function peakMemoryMb(pid) {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}

async function redisPeakMb(url) {
  const require = createRequire(new URL('../packages/shared/package.json', import.meta.url));
  const { Redis } = require('ioredis');
  const redis = new Redis(url);
  const info = await redis.info('memory');
  redis.disconnect();
  return Number(/used_memory_peak:(\d+)/.exec(info)[1]) / 2 ** 20;
}
