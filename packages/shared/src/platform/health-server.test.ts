import { afterEach, expect, test } from '@jest/globals';
import { type HealthServer, startHealthServer } from './health-server.ts';

let server: HealthServer;
let ready: string | null = null;

afterEach(() => server.close());

async function get(path: string) {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
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
