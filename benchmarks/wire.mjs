/**
 * What one push costs its client on the wire: the same requests over one connection to the same server
 * (nghttpd, C), by libraries in use, by our native session, and by h2load (C), which does nothing but send.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median, table } from './report.mjs';
import { DEVICE_TOKENS, HEADERS, PAYLOAD } from './wire-requests.mjs';

const execute = promisify(execFile);
const CLIENT = fileURLToPath(new URL('./wire-client.mjs', import.meta.url));
const ROUNDS = 3;
const IN_FLIGHT = 500;
/** The cheap ones send more, so that each is measured for about as long. */
const COUNTS = { 'node-apn': 12_000, apns2: 4_000, 'node:http2': 15_000, native: 300_000, h2load: 300_000 };
const NAMES = {
  'node-apn': '@parse/node-apn 8.1',
  apns2: 'apns2 12.2',
  'node:http2': 'bare node:http2',
  native: 'Pushfleet, native',
  h2load: 'h2load (nghttp2, C)',
};

export const title = 'A push on the wire';

/** @returns {Promise<{text: string[], figures: object}>} */
export async function measure(say) {
  demandNghttp2();
  const directory = mkdtempSync(join(tmpdir(), 'pushfleet-bench-'));
  const server = await startNghttpd(directory);
  try {
    const rows = Object.fromEntries(Object.keys(COUNTS).map((client) => [client, []]));
    for (let round = 0; round < ROUNDS; round++) {
      for (const client of Object.keys(COUNTS)) {
        const seen =
          client === 'h2load'
            ? await h2load(directory, server.port)
            : await ours(client, directory, server.port);
        rows[client].push(seen);
        say(`  ${NAMES[client]}: ${seen.microseconds.toFixed(1)} µs, ${Math.round(seen.perSecond)} a second`);
      }
    }
    return section(rows);
  } finally {
    server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

function section(rows) {
  const cost = (client) => median(rows[client].map(({ microseconds }) => microseconds));
  const native = cost('native');
  return {
    figures: { nodeApn: cost('node-apn'), native, h2load: cost('h2load') },
    text: [
      `CPU of the client process per push: user and system, TLS included. One connection, ${IN_FLIGHT} requests in flight, an alert of ${PAYLOAD.length} bytes with all its headers, to nghttpd on the same machine; median of ${ROUNDS} rounds.`,
      '',
      ...table(
        ['client', 'CPU per push', 'of node-apn', 'pushes a second'],
        Object.keys(COUNTS).map((client) => [
          NAMES[client],
          `${cost(client).toFixed(1)} µs`,
          `1/${(cost('node-apn') / cost(client)).toFixed(1)}`,
          Math.round(median(rows[client].map(({ perSecond }) => perSecond))).toLocaleString('en'),
        ]),
      ),
      '',
      `Native: 1/${(cost('node-apn') / native).toFixed(1)} of node-apn's CPU (wanted: 1/10 or less), ${(native / cost('h2load')).toFixed(2)} times h2load's (wanted: 1.5 or less).`,
    ],
  };
}

async function ours(client, directory, port) {
  const args = [
    CLIENT,
    client,
    COUNTS[client],
    IN_FLIGHT,
    port,
    join(directory, 'cert.pem'),
    join(directory, 'key.p8'),
  ];
  const { stdout } = await execute(process.execPath, args.map(String), { timeout: 120_000 });
  return JSON.parse(stdout);
}

/** Its CPU as the shell counts it. */
async function h2load(directory, port) {
  const { createProviderTokenSource } = await import('../apps/worker/dist/apns/provider-token.js');
  const { readFileSync } = await import('node:fs');
  const keyPem = readFileSync(join(directory, 'key.p8'), 'utf8');
  const token = createProviderTokenSource({ keyPem, keyId: 'KEYID12345', teamId: 'TEAMID1234' }).current();
  const headers = {
    ...HEADERS,
    authorization: `bearer ${token}`,
    'apns-id': '00000000-0000-8000-8000-000000000000',
  };
  const args = ['-n', COUNTS.h2load, '-c', 1, '-m', IN_FLIGHT, '-d', join(directory, 'payload.json')];
  for (const [name, value] of Object.entries(headers)) args.push('-H', `${name}: ${value}`);
  writeFileSync(
    join(directory, 'uris'),
    DEVICE_TOKENS.map((deviceToken) => `https://localhost:${port}/3/device/${deviceToken}\n`).join(''),
  );
  args.push('-i', join(directory, 'uris'));
  const { stdout, stderr } = await execute(
    'bash',
    ['-c', 'TIMEFORMAT="%U %S %R"; time h2load "$@"', 'h2load', ...args.map(String)],
    { timeout: 120_000 },
  );
  if (!stdout.includes(`${COUNTS.h2load} 2xx`)) throw new Error(`h2load: not all were accepted\n${stdout}`);
  const [user, system, real] = stderr.trim().split('\n').at(-1).split(' ').map(Number);
  return { microseconds: ((user + system) / COUNTS.h2load) * 1e6, perSecond: COUNTS.h2load / real };
}

function demandNghttp2() {
  try {
    for (const program of ['nghttpd', 'h2load']) execFileSync('which', [program], { stdio: 'ignore' });
  } catch {
    throw new Error('nghttpd and h2load are needed: apt-get install nghttp2');
  }
}

/** Each device token is an empty file to it, which it answers with 200. */
async function startNghttpd(directory) {
  const { makeServerCertificate } = await import('../packages/apns-simulator/dist/certificate.js');
  const { makeSigningKey } = await import('../packages/apns-simulator/dist/test-client.js');
  const { certificatePem, privateKeyPem } = await makeServerCertificate([]);
  const files = {
    'cert.pem': certificatePem,
    'key.pem': privateKeyPem,
    'key.p8': makeSigningKey().privateKeyPem,
  };
  for (const [name, text] of Object.entries({ ...files, 'payload.json': PAYLOAD }))
    writeFileSync(join(directory, name), text, { mode: 0o600 });
  mkdirSync(join(directory, 'root/3/device'), { recursive: true });
  for (const deviceToken of DEVICE_TOKENS) writeFileSync(join(directory, 'root/3/device', deviceToken), '');
  const port = await freePort();
  const child = spawn(
    'nghttpd',
    [
      '-a',
      '127.0.0.1',
      '-m',
      '1000',
      '-d',
      join(directory, 'root'),
      String(port),
      join(directory, 'key.pem'),
      join(directory, 'cert.pem'),
    ],
    { stdio: 'ignore' },
  );
  for (let tries = 0; tries < 100 && !(await answers(port)); tries++) await sleep(50);
  return { port, stop: () => child.kill() };
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
