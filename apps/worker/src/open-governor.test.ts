import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from '@jest/globals';
import {
  acceptAfter,
  aSigningKey,
  eventually,
  type ScriptedServer,
  startScriptedServer,
} from '../../../tests/harness/apns-peers.ts';
import type { ConnectionGovernor } from './apns/connection-governor.ts';
import { openGovernor } from './open-governor.ts';
import { loadWorkerConfig, readCredential } from './worker-config.ts';

const quiet = { debug() {}, info() {}, warn() {}, error() {} } as unknown as Parameters<
  typeof openGovernor
>[3];
let server: ScriptedServer;
let governor: ConnectionGovernor;
const directory = mkdtempSync(join(tmpdir(), 'pushfleet-governor-'));
afterEach(async () => {
  await governor.close(1_000);
  await server.close();
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

// Told apart by what they announce: only the native session names the size of its header lists.
test.each([
  [{}, false],
  [{ PUSHFLEET_APNS_SESSION: 'node-apn' }, false],
  [{ PUSHFLEET_APNS_SESSION: 'native' }, true],
])('%j opens a connection of its kind', async (setting, isNative) => {
  server = await startScriptedServer(
    10,
    acceptAfter(async () => {}),
  );
  const caFile = join(directory, 'ca.pem');
  writeFileSync(caFile, server.caPem);
  const config = loadWorkerConfig({
    PUSHFLEET_REDIS_URL: 'redis://127.0.0.1:1',
    PUSHFLEET_APNS_TOPIC: 'com.example.app',
    PUSHFLEET_APNS_ENVIRONMENT: 'sandbox',
    PUSHFLEET_APNS_URL: `https://localhost:${server.port}`,
    PUSHFLEET_APNS_CA_FILE: caFile,
    PUSHFLEET_APNS_KEY: aSigningKey().keyPem,
    PUSHFLEET_APNS_KEY_ID: 'ABC123DEFG',
    PUSHFLEET_APNS_TEAM_ID: 'DEF123GHIJ',
    ...setting,
  });
  governor = openGovernor(config, readCredential(config), async () => 0, quiet);
  governor.start();
  await eventually(() => server.sessions[0]?.remoteSettings !== undefined && governor.streamLimit() > 0);
  expect(server.sessions[0]!.remoteSettings.maxHeaderListSize === 65_536).toBe(isNative);
});
