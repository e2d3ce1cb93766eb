import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { deviceTokens, startWorkerFleet, TOPIC, until, type WorkerFleet } from '../harness/worker-fleet.ts';
import { killWorkerProcesses, startWorkerProcess } from '../harness/worker-process.ts';

let fleet: WorkerFleet;
let directory: string;

beforeEach(async () => {
  fleet = await startWorkerFleet({ workers: 0 });
  directory = mkdtempSync(join(tmpdir(), 'pushfleet-credentials-'));
});

afterEach(async () => {
  killWorkerProcesses();
  await fleet.close();
  rmSync(directory, { recursive: true });
});

const NO_KEY = {
  PUSHFLEET_APNS_KEY: undefined,
  PUSHFLEET_APNS_KEY_ID: undefined,
  PUSHFLEET_APNS_TEAM_ID: undefined,
};

/** One PEM file with certificate and encrypted key, as the old application has it. */
function makeCombinedPem(passphrase: string): string {
  const [key, cert, combined] = ['key.pem', 'cert.pem', 'apns.pem'].map((name) => join(directory, name));
  const subject = `/UID=${TOPIC}/CN=Apple Push Services: ${TOPIC}`;
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-days', '30', '-subj', subject];
  const files = ['-keyout', key!, '-out', cert!, '-passout', `pass:${passphrase}`];
  execFileSync('openssl', [...request, ...files], { stdio: 'ignore' });
  writeFileSync(combined!, readFileSync(cert!, 'utf8') + readFileSync(key!, 'utf8'));
  return combined!;
}

async function expectAccepted(recipients: string[]) {
  const batch = await fleet.add({ deviceTokens: recipients });
  await until(
    () => fleet.told(batch),
    (seen) => seen?.ended === true,
    15_000,
  );
  expect(fleet.apns.accepted().map((push) => push.deviceToken)).toEqual(recipients);
}

test('a certificate and its encrypted key in one PEM file authenticate a worker, without a provider token', async () => {
  const { output } = startWorkerProcess({
    ...fleet.environment,
    ...NO_KEY,
    PUSHFLEET_APNS_CERT_FILE: makeCombinedPem('geheim'),
    PUSHFLEET_APNS_CERT_PASSPHRASE: 'geheim',
  });
  await expectAccepted(deviceTokens(3));
  expect(output()).toContain('"credential":"certificate"');
  expect(output()).not.toContain('geheim');
}, 180_000);

test('a wrong passphrase is a sentence and exit code 2, before anything is started', async () => {
  const { child, output } = startWorkerProcess({
    ...fleet.environment,
    ...NO_KEY,
    PUSHFLEET_APNS_CERT_FILE: makeCombinedPem('geheim'),
    PUSHFLEET_APNS_CERT_PASSPHRASE: 'falsch',
  });
  const [code] = await once(child, 'close');
  expect([code, output()]).toEqual([2, expect.stringContaining('the passphrase is wrong')]);
  expect(output()).not.toContain('falsch');
  expect(fleet.apns.connects()).toBe(0);
}, 180_000);

test('a worker reaches APNs through a CONNECT proxy, and only through it', async () => {
  const targets: (string | undefined)[] = [];
  const proxy = createServer((_, response) => response.writeHead(405).end());
  proxy.on('connect', (request, client) => {
    targets.push(request.url);
    const [host, port] = request.url!.split(':');
    const apns = connect(Number(port), host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      apns.pipe(client).pipe(apns);
    });
    for (const socket of [apns, client]) socket.on('error', () => {});
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  startWorkerProcess({
    ...fleet.environment,
    PUSHFLEET_APNS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
  });
  await expectAccepted(deviceTokens(3));
  const { host } = new URL(fleet.apns.url);
  expect(targets).toEqual([host]);
  expect(fleet.apns.connects()).toBe(1);
  killWorkerProcesses();
  proxy.close();
}, 180_000);
