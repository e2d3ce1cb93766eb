import { expect, test } from '@jest/globals';
import type { Log } from '../platform/log.ts';
import type { RedisTarget } from '../platform/redis-url.ts';
import { connectRedis } from './redis-connection.ts';

test.each<[string, string | undefined, string | null, string | null]>([
  ['redis://shop@127.0.0.1:1', 'from-a-file', 'shop', 'from-a-file'],
  ['redis://a%40b@127.0.0.1:1', 'from-a-file', 'a@b', 'from-a-file'],
  ['redis://127.0.0.1:1', 'from-a-file', null, 'from-a-file'],
  ['redis://shop:in-it@127.0.0.1:1', undefined, 'shop', 'in-it'],
])('%s with the password %s apart logs in as %s with %s', (url, password, username, used) => {
  const { options } = connected({ kind: 'single', url }, password);
  expect(options).toMatchObject({ username, password: used, host: '127.0.0.1', port: 1 });
});

test('in a Cluster the user and the password go to nodes that no address names, too', () => {
  const client = connected({ kind: 'cluster', urls: ['redis://shop@127.0.0.1:1'] }, 'from-a-file');
  expect(client.options).toMatchObject({ redisOptions: { username: 'shop', password: 'from-a-file' } });
});

function connected(target: RedisTarget, password: string | undefined) {
  const client = connectRedis(
    { target, password, log: { warn() {}, info() {} } as unknown as Log },
    'adding',
  );
  client.disconnect();
  return client;
}
