import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runCommand } from './run-command.mjs';
import { deviceToken } from './scenario.mjs';
import { seededRandom } from './seeded-random.mjs';
import { SupervisedProcess } from './supervised-process.mjs';

const SCHEMA = fileURLToPath(new URL('../../apps/cli/sql/doctrine.sql', import.meta.url));
const DATABASE = 'chaos';
const WORKERS = 2;
const PRODUCERS = 2;
const LATENCY_MS = 15;
const ROWS_PER_INSERT = 5_000;

/** Private MariaDB, Redis and APNs simulator, and a fleet on them under supervision. */
export class Installation {
  workers = [];
  producers = [];
  #mysqlRestarts = Promise.resolve();
  #redisRestarts = Promise.resolve();

  static async start(scenario) {
    const one = new Installation();
    one.scenario = scenario;
    one.directory = mkdtempSync(join(tmpdir(), 'pushfleet-chaos-'));
    try {
      await one.#startServers();
      await one.#fillDatabase();
    } catch (error) {
      await one.stop();
      throw error;
    }
    return one;
  }

  /** @param settings of each process, by its name, beside those that all have */
  async startFleet({ producers = PRODUCERS, workers = WORKERS, settings = () => ({}) } = {}) {
    const start = (command, number) => {
      const name = `${command} ${number}`;
      const logFile = join(this.directory, `${command}-${number}.log`);
      const random = seededRandom(this.scenario.seed, name);
      const environment = { ...this.environment, ...settings(name) };
      return new SupervisedProcess(name, command, environment, logFile, random);
    };
    for (let i = 1; i <= producers; i++) this.producers.push(start('producer', i));
    for (let i = 1; i <= workers; i++) this.workers.push(start('worker', i));
    await Promise.all([...this.producers, ...this.workers].map((one) => one.started()));
  }

  /** Rows of a query; tried again while MySQL is away. */
  async rows(sql, values = [], attempts = 300) {
    for (let attempt = 1; ; attempt++) {
      try {
        const [rows] = await this.pool.query(sql, values);
        return rows;
      } catch (error) {
        if (attempt >= attempts) throw error;
        await sleep(100);
      }
    }
  }

  /** As a backend that is told of no commit looks whether it was one. */
  async insertNotification({ id, groupIds, tokenIds }) {
    for (let attempt = 1; ; attempt++) {
      let connection;
      try {
        connection = await this.pool.getConnection();
        const [known] = await connection.query('SELECT id FROM notification WHERE id = ?', [id]);
        if (known.length > 0) return;
        await connection.query('START TRANSACTION');
        await connection.query(
          'INSERT INTO notification (id, message, sent, notificationdate) VALUES (?, ?, 0, UTC_TIMESTAMP())',
          [id, `message ${id}`],
        );
        for (const [table, column, ids] of [
          ['notification_token', 'token_id', tokenIds],
          ['notification_token_group', 'token_group_id', groupIds],
        ])
          if (ids.length > 0)
            await connection.query(`INSERT INTO ${table} (notification_id, ${column}) VALUES ?`, [
              ids.map((one) => [id, one]),
            ]);
        await connection.query('COMMIT');
        return;
      } catch (error) {
        connection?.destroy();
        connection = undefined;
        if (attempt >= 300) throw error;
        await sleep(100);
      } finally {
        connection?.release();
      }
    }
  }

  /** Killed, and started again on its port after so long; `loseData` as with a disk that is gone. */
  restartRedis(downMs, loseData) {
    this.#redisRestarts = this.#redisRestarts.then(async () => {
      const { port } = this.redis;
      await this.redis.kill('SIGKILL');
      await sleep(downMs);
      const dir = join(this.directory, 'redis');
      if (loseData) rmSync(join(dir, 'data'), { recursive: true });
      this.redis = await this.servers.startRedis({ dir, port });
    });
    return this.#redisRestarts;
  }

  restartMysql(downMs) {
    this.#mysqlRestarts = this.#mysqlRestarts.then(async () => {
      const { port } = this.mysql;
      await this.mysql.kill('SIGKILL');
      await sleep(downMs);
      this.mysql = await this.servers.startMysql({ dir: join(this.directory, 'mysql'), port, fast: true });
    });
    return this.#mysqlRestarts;
  }

  async flushRedis() {
    const { Redis } = await import('ioredis');
    const redis = new Redis(this.redis.url, { maxRetriesPerRequest: 5 });
    redis.on('error', () => {});
    await redis.flushall().finally(() => redis.disconnect());
  }

  run(args) {
    return runCommand(args, this.environment);
  }

  async stopFleet() {
    return Promise.all([...this.workers, ...this.producers].map((one) => one.stop()));
  }

  /** @param keep leaves logs and data where they are */
  async stop({ keep = false } = {}) {
    await this.stopFleet();
    await this.pool?.end().catch(() => {});
    await Promise.all([this.simulator?.close(), this.redis?.stop(), this.mysql?.stop()]);
    if (!keep) rmSync(this.directory, { recursive: true, force: true });
  }

  async #startServers() {
    const [{ startRedis }, { startMysql }, { startSimulator }, { makeSigningKey }] = await Promise.all([
      import('@pushfleet/local-servers/start-redis'),
      import('@pushfleet/local-servers/start-mysql'),
      import('@pushfleet/apns-simulator/simulator'),
      import('@pushfleet/apns-simulator/test-client'),
    ]);
    this.servers = { startRedis, startMysql };
    const key = makeSigningKey();
    const identity = { teamId: 'TEAMID1234', keyId: 'KEYID12345', publicKeyPem: key.publicKeyPem };
    [this.redis, this.mysql, this.simulator] = await Promise.all([
      startRedis({ dir: join(this.directory, 'redis') }),
      startMysql({ dir: join(this.directory, 'mysql'), fast: true }),
      startSimulator({ topics: ['com.example.app'], ...identity, latencyMs: LATENCY_MS }),
    ]);
    mkdirSync(join(this.directory, 'files'));
    writeFileSync(join(this.directory, 'files', 'ca.pem'), this.simulator.caPem);
    writeFileSync(join(this.directory, 'files', 'key.p8'), key.privateKeyPem, { mode: 0o600 });
    this.environment = {
      PUSHFLEET_MYSQL_URL: `${this.mysql.url}${DATABASE}`,
      PUSHFLEET_REDIS_URL: this.redis.url,
      PUSHFLEET_APNS_TOPIC: 'com.example.app',
      PUSHFLEET_APNS_ENVIRONMENT: 'sandbox',
      PUSHFLEET_APNS_URL: this.simulator.url,
      PUSHFLEET_APNS_CA_FILE: join(this.directory, 'files', 'ca.pem'),
      PUSHFLEET_APNS_KEY_FILE: join(this.directory, 'files', 'key.p8'),
      PUSHFLEET_APNS_KEY_ID: 'KEYID12345',
      PUSHFLEET_APNS_TEAM_ID: 'TEAMID1234',
      PUSHFLEET_RETRY_DELAYS: '500ms,1s,2s',
      PUSHFLEET_RATE_PER_SECOND: String(this.scenario.ratePerSecond),
      PUSHFLEET_LOG_FORMAT: 'json',
      ...this.scenario.environment,
    };
  }

  async #fillDatabase() {
    const { default: mysql } = await import('mysql2/promise');
    const admin = await mysql.createConnection({ uri: this.mysql.url, multipleStatements: true });
    await admin.query(`CREATE DATABASE ${DATABASE} CHARACTER SET utf8mb4; USE ${DATABASE}`);
    await admin.query(readFileSync(SCHEMA, 'utf8'));
    const { devices, groups } = this.scenario;
    await insert(admin, 'token (id, token, active)', devices, (i) => [i, deviceToken(i), 1]);
    for (const { id, from, to } of groups) {
      await admin.query('INSERT INTO token_group (id, name) VALUES (?, ?)', [id, `group ${id}`]);
      const columns = 'token_group_token (token_group_id, token_id)';
      await insert(admin, columns, to - from + 1, (i) => [id, from + i - 1]);
    }
    await admin.end();
    this.pool = mysql.createPool({ uri: this.environment.PUSHFLEET_MYSQL_URL, connectionLimit: 4 });
    const { exitCode, output } = await this.run(['migrate']);
    if (exitCode !== 0) throw new Error(`pushfleet migrate failed:\n${output}`);
  }
}

async function insert(connection, columns, count, row) {
  for (let at = 1; at <= count; at += ROWS_PER_INSERT) {
    const size = Math.min(ROWS_PER_INSERT, count - at + 1);
    const rows = Array.from({ length: size }, (_, i) => row(at + i));
    await connection.query(`INSERT INTO ${columns} VALUES ?`, [rows]);
  }
}
