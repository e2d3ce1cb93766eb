import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { findFreePort } from '@pushfleet/local-servers/free-port';
import type { LocalServer } from '@pushfleet/local-servers/local-server';
import { startRedis } from '@pushfleet/local-servers/start-redis';
import { createLog } from '@pushfleet/shared/platform/log';
import { connectRedis } from '@pushfleet/shared/queue/redis-connection';
import { type Cluster, Redis } from 'ioredis';
import { until } from '../harness/worker-fleet.ts';

const directory = mkdtempSync(join(tmpdir(), 'pushfleet-one-node-'));
let server: LocalServer;
let admin: Redis;

/** A Cluster of one server. Without one of its slots it says that it fails, as in a failover. */
beforeEach(async () => {
  server = await startRedis({
    dir: directory,
    extraArgs: [
      ...['--cluster-enabled', 'yes'],
      ...['--cluster-port', String(await findFreePort())],
      // Alone, it would not know under which address others reach it.
      ...['--cluster-announce-ip', '127.0.0.1'],
    ],
  });
  admin = new Redis(server.port, '127.0.0.1');
  await admin.cluster('ADDSLOTSRANGE', 0, 16_383);
  await stateIs('ok');
}, 180_000);

afterEach(async () => {
  admin.disconnect();
  await server.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

test('who connects to a Cluster that is failing is told when it has recovered, also by a copy of the client', async () => {
  const log = createLog('worker', { level: 'silent', format: 'json' });
  const client = connectRedis({ target: { kind: 'cluster', urls: [server.url] }, log }, 'working') as Cluster;
  // BullMQ waits for its jobs on a copy, and connects that anew when it hears nothing.
  const copy = client.duplicate([], { lazyConnect: true });
  copy.on('error', () => {});
  try {
    await admin.cluster('DELSLOTS', 0);
    await stateIs('fail');
    let connected = false;
    const connecting = copy.connect().then(() => {
      connected = true;
    });
    // It has found out by then, and tries again by itself.
    await until(
      () => copy.status,
      (status) => status === 'reconnecting',
    );
    expect(connected).toBe(false);
    await admin.cluster('ADDSLOTS', 0);
    await stateIs('ok');
    await Promise.race([connecting, late()]);
    expect(await copy.set('a', '1')).toBe('OK');
  } finally {
    copy.disconnect();
    client.disconnect();
  }
}, 180_000);

async function stateIs(state: 'ok' | 'fail') {
  await until(
    async () => String(await admin.cluster('INFO')),
    (text) => text.includes(`cluster_state:${state}`),
  );
}

function late(): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error('nobody was told within 15 s')), 15_000).unref();
  });
}
