import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import type { LocalServer } from '@pushfleet/local-servers/local-server';
import { listProcesses, lookUpProcess } from '@pushfleet/local-servers/process-table';
import { startMysql } from '@pushfleet/local-servers/start-mysql';
import { startRedis } from '@pushfleet/local-servers/start-redis';
import { Redis } from 'ioredis';
import mysql from 'mysql2/promise';

jest.setTimeout(30_000);

let directory: string;
let owner: ChildProcess | undefined;
const started: LocalServer[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'pushfleet-local-'));
});

afterEach(async () => {
  owner?.kill('SIGKILL');
  await Promise.all(started.splice(0).map((server) => server.stop()));
  rmSync(directory, { recursive: true, force: true });
});

async function remembered<T extends LocalServer>(server: Promise<T>): Promise<T> {
  const running = await server;
  started.push(running);
  return running;
}

async function withRedis<T>(server: LocalServer, use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(server.url, { maxRetriesPerRequest: 1 });
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

async function query(server: LocalServer, sql: string): Promise<unknown> {
  const connection = await mysql.createConnection(server.url);
  try {
    return (await connection.query(sql))[0];
  } finally {
    await connection.end();
  }
}

/** Command lines that name the path. */
function processesOf(path: string): string[] {
  return listProcesses()
    .map((entry) => entry.commandLine)
    .filter((commandLine) => commandLine.includes(path));
}

test('Redis keeps what it acknowledged over a stop, and goes on at the same port', async () => {
  const first = await remembered(startRedis({ dir: join(directory, 'redis') }));
  await withRedis(first, async (redis) => {
    expect(await redis.ping()).toBe('PONG');
    expect(await redis.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
    expect(await redis.config('GET', 'appendonly')).toEqual(['appendonly', 'yes']);
    await redis.set('kept', 'yes');
  });
  await first.stop();

  const second = await remembered(startRedis({ dir: join(directory, 'redis'), port: first.port }));
  expect(second.url).toBe(first.url);
  expect(await withRedis(second, (redis) => redis.get('kept'))).toBe('yes');
});

test('Redis killed with SIGKILL starts again on its append-only file', async () => {
  const first = await remembered(startRedis({ dir: directory, extraArgs: ['--appendfsync', 'always'] }));
  await withRedis(first, (redis) => redis.set('kept', 'yes'));
  await first.kill('SIGKILL');
  expect(lookUpProcess(first.pid)).toBeUndefined();

  const second = await remembered(startRedis({ dir: directory, port: first.port }));
  expect(await withRedis(second, (redis) => redis.get('kept'))).toBe('yes');
});

test('root logs in to MySQL over TCP without a password, and data survive a kill', async () => {
  const first = await remembered(startMysql({ dir: directory, fast: true }));
  expect(first.url).toBe(`mysql://root@127.0.0.1:${first.port}/`);
  expect(existsSync(first.socketPath!)).toBe(true);
  await query(first, 'CREATE DATABASE kept');
  await query(first, 'CREATE TABLE kept.notes (id INT PRIMARY KEY)');
  await query(first, 'INSERT INTO kept.notes VALUES (7)');
  await first.kill('SIGKILL');

  const second = await remembered(startMysql({ dir: directory, port: first.port }));
  expect(await query(second, 'SELECT id FROM kept.notes')).toEqual([{ id: 7 }]);
});

test('a path too long for a socket does not keep MySQL from starting', async () => {
  const server = await remembered(startMysql({ dir: join(directory, 'd'.repeat(110)) }));
  expect(server.socketPath!.length).toBeLessThan(104);
  expect(await query(server, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('a directory in use is not started in a second time', async () => {
  await remembered(startRedis({ dir: directory }));
  await expect(startRedis({ dir: directory })).rejects.toThrow(/is in use.*Stop that process first/s);
});

test('another server on the chosen port does not pass for ours', async () => {
  const [redis, mysqlServer] = await Promise.all([
    remembered(startRedis({ dir: join(directory, 'redis') })),
    remembered(startMysql({ dir: join(directory, 'mysql') })),
  ]);
  const secondRedis = startRedis({ dir: join(directory, 'redis-2'), port: redis.port });
  await expect(secondRedis).rejects.toThrow(`another process has taken port ${redis.port}`);
  const secondMysql = startMysql({ dir: join(directory, 'mysql-2'), port: mysqlServer.port });
  await expect(secondMysql).rejects.toThrow(`another process has taken port ${mysqlServer.port}`);
  expect(processesOf('-2/data')).toEqual([]);
});

test('a server that cannot start is reported with its log', async () => {
  const starting = startRedis({ dir: directory, extraArgs: ['--no-such-option', '1'] });
  await expect(starting).rejects.toThrow(/Redis ended while starting.*no-such-option/s);
});

test('a stop leaves no process, no guard and no pid file', async () => {
  const servers = await Promise.all([
    remembered(startRedis({ dir: join(directory, 'redis') })),
    remembered(startMysql({ dir: join(directory, 'mysql') })),
  ]);
  expect(processesOf(directory)).toHaveLength(2);
  await Promise.all(servers.map((server) => server.stop()));
  expect(processesOf(directory)).toEqual([]);
  expect(listProcesses().filter((entry) => entry.parentPid === process.pid)).toEqual([]);
  expect(existsSync(join(directory, 'redis', 'redis.pid'))).toBe(false);
  expect(existsSync(join(directory, 'mysql', 'mysql.pid'))).toBe(false);
});

test('servers end when the process that started them is killed with SIGKILL', async () => {
  owner = await ownerOfServers(directory);
  expect(processesOf(`--datadir=${directory}`)).toHaveLength(1);
  owner.kill('SIGKILL');
  // Sooner than the guard's SIGKILL: the servers must get the chance to end in order.
  const deadline = performance.now() + 8_000;
  while (processesOf(`${directory}/`).length > 0 && performance.now() < deadline) await sleep(100);
  expect(processesOf(`${directory}/`)).toEqual([]);
});

test('a start ends the server that a killed process and its killed guard left over', async () => {
  owner = await ownerOfServers(directory);
  const leftOver = Number(readFileSync(join(directory, 'redis', 'redis.pid'), 'utf8').split(' ')[0]);
  for (const entry of listProcesses()) {
    const isGuard = entry.parentPid === owner?.pid && entry.commandLine.includes('pushfleet-watchdog');
    if (isGuard) process.kill(entry.pid, 'SIGKILL');
  }
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  expect(lookUpProcess(leftOver)?.commandLine).toContain(directory);

  await remembered(startRedis({ dir: join(directory, 'redis') }));
  await remembered(startMysql({ dir: join(directory, 'mysql') }));
  expect(lookUpProcess(leftOver)?.commandLine ?? '').not.toContain(directory);
  expect(processesOf(`${directory}/`)).toHaveLength(2);
});

/** A process that has started both servers below the directory and waits. */
async function ownerOfServers(path: string): Promise<ChildProcess> {
  const dist = pathToFileURL(join(import.meta.dirname, '../../packages/local-servers/dist/')).href;
  const script = `
    const { startRedis } = await import('${dist}start-redis.js');
    const { startMysql } = await import('${dist}start-mysql.js');
    await Promise.all([startRedis({ dir: process.argv[1] + '/redis' }), startMysql({ dir: process.argv[1] + '/mysql' })]);
    process.stdout.write('ready');
  `;
  const args = ['--input-type=module', '-e', script, path];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    child.once('exit', (code) => reject(new Error(`the owner of the servers ended with ${code}`)));
  });
  return child;
}
