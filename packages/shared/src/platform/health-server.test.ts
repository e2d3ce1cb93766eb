import { afterEach, expect, test } from '@jest/globals';
import { type HealthServer, openProcessHealth, startHealthServer } from './health-server.ts';

let server: HealthServer | undefined;
let ready: string | null = null;

afterEach(() => server?.close());

async function get(path: string) {
  const response = await fetch(`http://127.0.0.1:${server!.port}${path}`);
  return [response.status, await response.text()];
}

test('probes, metrics and documents each have a path', async () => {
  server = await startHealthServer(
    0,
    {
      live: () => null,
      ready: () => ready,
      metrics: async () => 'pushfleet_x 1\n',
      json: async (path) => (path === '/scaling/a' ? { backlog: 3 } : undefined),
    },
    '127.0.0.1',
  );
  expect(await get('/health/live')).toEqual([200, 'ok\n']);
  expect(await get('/health/ready')).toEqual([200, 'ok\n']);
  ready = 'takes no jobs: paused';
  expect(await get('/health/ready?x=1')).toEqual([503, 'takes no jobs: paused\n']);
  expect(await get('/metrics')).toEqual([200, 'pushfleet_x 1\n']);
  expect(await get('/scaling/a')).toEqual([200, '{"backlog":3}']);
  expect((await get('/elsewhere'))[0]).toBe(404);
});

test('a process answers at the address that it was given and at no other', async () => {
  server = await startHealthServer(0, { live: () => null, ready: () => null, metrics: async () => '' });
  const { port } = server;
  expect((await get('/health/live'))[0]).toBe(200); // all addresses, without one
  await server.close();
  server = undefined;
  const { parts } = await openProcessHealth(port, '127.0.0.2');
  expect((await fetch(`http://127.0.0.2:${port}/health/live`)).status).toBe(200);
  await expect(fetch(`http://127.0.0.1:${port}/health/live`)).rejects.toThrow('fetch failed');
  await parts[0]!.stop(0);
});
