import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Child, startChild } from '@pushfleet/local-servers/child-process';
import { findRedis } from '@pushfleet/local-servers/find-servers';
import { findFreePort } from '@pushfleet/local-servers/free-port';
import type { LocalServer } from '@pushfleet/local-servers/local-server';
import { startRedis } from '@pushfleet/local-servers/start-redis';
import { Redis } from 'ioredis';

const run = promisify(execFile);

/** Several Redis servers of a test's own. */
export interface RedisTopology {
  /** For PUSHFLEET_REDIS_URL. */
  readonly url: string;
  /** Kills the master that holds the keys matching a pattern. @returns its port */
  killMasterOf(pattern: string): Promise<number>;
  stop(): Promise<void>;
}

/** 3 masters with a replica each. */
export async function startRedisCluster(): Promise<RedisTopology> {
  const directory = mkdtempSync(join(tmpdir(), 'pushfleet-cluster-'));
  const nodes: LocalServer[] = [];
  for (let i = 0; i < 6; i++)
    nodes.push(
      await startRedis({
        dir: join(directory, String(i)),
        extraArgs: [
          ...['--cluster-enabled', 'yes'],
          ...['--cluster-port', String(await findFreePort())],
          ...['--cluster-node-timeout', '2000'],
          ...['--cluster-replica-validity-factor', '0'],
          ...['--repl-diskless-sync-delay', '0'],
        ],
      }),
    );
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-replicas', '1', '--cluster-yes']);
  await until(async () => {
    const states = await Promise.all(nodes.map(({ port }) => ask(port, (redis) => redis.cluster('INFO'))));
    const links = await Promise.all(nodes.map(({ port }) => ask(port, (redis) => redis.info('replication'))));
    return (
      states.every((state) => /cluster_state:ok/.test(state)) &&
      links.filter((link) => /connected_slaves:1/.test(link)).length === 3
    );
  });
  return {
    url: nodes.map(({ url }) => url).join(','),
    killMasterOf: (pattern) => killMasterOf(nodes, pattern),
    async stop() {
      await Promise.all(nodes.map((node) => node.kill('SIGKILL')));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A master, a replica and three sentinels. */
export async function startRedisSentinel(): Promise<RedisTopology> {
  const directory = mkdtempSync(join(tmpdir(), 'pushfleet-sentinel-'));
  const master = await startRedis({ dir: join(directory, 'master') });
  const replica = await startRedis({
    dir: join(directory, 'replica'),
    extraArgs: ['--replicaof', '127.0.0.1', String(master.port), '--repl-diskless-sync-delay', '0'],
  });
  const program = findRedis();
  if (program === undefined) throw new Error('redis-server is not installed');
  const sentinels: { readonly port: number; readonly child: Child }[] = [];
  for (let i = 0; i < 3; i++) {
    const port = await findFreePort();
    const config = join(directory, `sentinel-${i}.conf`);
    writeFileSync(
      config,
      [
        `port ${port}`,
        'bind 127.0.0.1',
        `dir ${directory}`,
        `sentinel monitor main 127.0.0.1 ${master.port} 2`,
        'sentinel down-after-milliseconds main 1000',
        'sentinel failover-timeout main 5000',
        '',
      ].join('\n'),
    );
    const child = await startChild({
      name: 'Redis Sentinel',
      command: program.path,
      args: [config, '--sentinel'],
      cwd: directory,
      logFile: join(directory, `sentinel-${i}.log`),
      pidFile: join(directory, `sentinel-${i}.pid`),
    });
    sentinels.push({ port, child });
  }
  await until(async () => {
    const seen = await Promise.all(
      sentinels.map(({ port }) =>
        ask(port, (redis) => redis.call('SENTINEL', 'MASTER', 'main') as Promise<unknown>),
      ),
    );
    return seen.every((one) => {
      const text = JSON.stringify(one);
      return /"num-slaves","?:?"?1|"num-slaves":"1"/.test(text) && /"num-other-sentinels"[,:]"2"/.test(text);
    });
  });
  return {
    url: `redis+sentinel://${sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/main`,
    killMasterOf: (pattern) => killMasterOf([master, replica], pattern),
    async stop() {
      await Promise.all(sentinels.map(({ child }) => child.kill('SIGKILL')));
      await Promise.all([master, replica].map((node) => node.kill('SIGKILL')));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function killMasterOf(nodes: readonly LocalServer[], pattern: string): Promise<number> {
  for (const node of nodes) {
    const isMaster = /role:master/.test(await ask(node.port, (redis) => redis.info('replication')));
    if (!isMaster || (await ask(node.port, (redis) => redis.keys(pattern))).length === 0) continue;
    await node.kill('SIGKILL');
    return node.port;
  }
  throw new Error(`no master holds ${pattern}`);
}

async function ask<T>(port: number, question: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(port, '127.0.0.1', { protocol: 2 } as object);
  try {
    return await question(redis);
  } finally {
    redis.disconnect();
  }
}

async function until(look: () => Promise<boolean>, ms = 20_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await look().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`the servers did not find each other in ${ms} ms`);
    await sleep(100);
  }
}
