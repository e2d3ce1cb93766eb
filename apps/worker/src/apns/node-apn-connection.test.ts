import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from '@jest/globals';
import { acceptAfter, aSigningKey, startScriptedServer } from '../../../../tests/harness/apns-peers.ts';
import { createNodeApnClient } from './node-apn-connection.ts';
import { createProviderTokenSource } from './provider-token.ts';

// What it does as a connection is in apns-connection.test.ts, which both kinds pass.
const { keyPem } = aSigningKey();
const credential = { kind: 'token', keyPem, keyId: 'ABC123DEFG', teamId: 'DEF123GHIJ' } as const;
const source = createProviderTokenSource(credential);
const settings = { host: 'localhost', credential, providerToken: () => source.current() };

test('what we use of node-apn is there, in the version that we know', () => {
  const version = (dependencies: Record<string, string>) => dependencies['@parse/node-apn'];
  const worker = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(version(worker.dependencies)).toBe('8.1.0');
  expect(createRequire(import.meta.url)('@parse/node-apn/package.json').version).toBe('8.1.0');

  const client = createNodeApnClient(settings);
  expect(client.session).toBeUndefined();
  expect(client.config).toMatchObject({ connectionRetryLimit: 0, requestTimeout: 0, address: 'localhost' });
  expect((client.config.token as { current: string }).current).toBe(source.current());
  expect([typeof client.connect, typeof client.request, client.request.length]).toEqual([
    'function',
    'function',
    5,
  ]);
  expect((client.healthCheckInterval as unknown as { _destroyed: boolean })._destroyed).toBe(true);
});

test('node-apn puts the session into client.session and config.token into the request', async () => {
  const server = await startScriptedServer(
    10,
    acceptAfter(async () => {}),
  );
  const seen: unknown[] = [];
  server.server.on('stream', (_, headers) => seen.push(headers));
  const client = createNodeApnClient(settings);
  client.config.createConnection = undefined;
  Object.assign(client.config, { port: server.port, ca: server.caPem });
  await client.connect();
  await client.request(
    client.session!,
    'there',
    { headers: { 'apns-topic': 'x' }, body: '{}' },
    '/3/device/ab',
    'POST',
  );
  expect(seen).toMatchObject([
    {
      ':method': 'POST',
      ':path': '/3/device/ab',
      ':authority': 'there',
      authorization: `bearer ${source.current()}`,
    },
  ]);
  client.session!.destroy();
  await server.close();
});
