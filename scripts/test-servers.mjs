/** The private servers of a test run: Redis, MySQL or MariaDB, Chromium. What the environment gives is used instead. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class TestServers {
  directory = mkdtempSync(join(tmpdir(), 'pushfleet-test-'));
  #say;
  #servers = [];
  #stopped = new AbortController();

  constructor(say) {
    this.#say = say;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
      process.on(signal, () => this.#stopped.abort(new Error(`Stopped by ${signal}.`)));
  }

  /** Aborted when somebody wants the run to end. */
  get stopped() {
    return this.#stopped.signal;
  }

  /** Starts what is not given by the environment. Returns the variables by which the tests find it. */
  async start({ withBrowser = true } = {}) {
    const { ensureServers } = await import('../packages/local-servers/dist/install-servers.js');
    const { startRedis } = await import('../packages/local-servers/dist/start-redis.js');
    const { startMysql } = await import('../packages/local-servers/dist/start-mysql.js');

    const given = {
      mysql: process.env.PUSHFLEET_TEST_MYSQL_URL,
      redis: process.env.PUSHFLEET_TEST_REDIS_URL,
    };
    const programs = await ensureServers({ mysql: !given.mysql, redis: !given.redis }, this.#say);
    const chromium = withBrowser ? await this.#browser() : undefined;
    this.stopped.throwIfAborted();

    const mysql = () =>
      startMysql({
        dir: join(this.directory, 'mysql'),
        program: programs.mysql,
        fast: true,
        extraArgs: MYSQL_ARGS,
      });
    const redis = () => startRedis({ dir: join(this.directory, 'redis'), program: programs.redis });
    const remember = (server) => {
      this.#servers.push(server);
      return server.url;
    };
    const [mysqlUrl, redisUrl] = await allOrNone([
      given.mysql ?? mysql().then(remember),
      given.redis ?? redis().then(remember),
    ]);
    return {
      PUSHFLEET_TEST_MYSQL_URL: mysqlUrl,
      PUSHFLEET_TEST_REDIS_URL: redisUrl,
      ...(chromium ? { PUSHFLEET_TEST_CHROMIUM: chromium } : {}),
    };
  }

  async stop() {
    await Promise.allSettled(this.#servers.map((server) => server.stop()));
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** Without a browser the tests that need one fail and say so; the others are still worth running. */
  async #browser() {
    const { ensureChromium } = await import('../packages/local-servers/dist/ensure-chromium.js');
    return ensureChromium(process.env.PUSHFLEET_TEST_CHROMIUM, this.#say).catch((error) =>
      this.#say(error.message),
    );
  }
}

/** A message of 50 MB is one of the tests. */
const MYSQL_ARGS = ['--max-allowed-packet=128M'];

/** Waits for all even when one fails: a server that is still starting could not be stopped. */
async function allOrNone(promises) {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
