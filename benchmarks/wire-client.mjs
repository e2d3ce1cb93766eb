/**
 * One client of the `wire` benchmark, in a process of its own: sends requests with a fixed number in
 * flight and prints, as JSON, what a request cost it. `wire-client.mjs CLIENT COUNT WINDOW PORT CA-FILE KEY-FILE`
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { createRequire } from 'node:module';
import { createProviderTokenSource } from '../apps/worker/dist/apns/provider-token.js';
import { DEVICE_TOKENS, HEADERS, NOTIFICATION, PAYLOAD, TOPIC, WARM_UP } from './wire-requests.mjs';

const [client, countText, windowText, port, caFile, keyFile] = process.argv.slice(2);
const count = Number(countText);
const inFlight = Number(windowText);
const ca = readFileSync(caFile, 'utf8');
const key = readFileSync(keyFile, 'utf8');
const require = createRequire(import.meta.url);
const providerToken = createProviderTokenSource({ keyPem: key, keyId: 'KEYID12345', teamId: 'TEAMID1234' });

/** Each opens its connection and returns how it sends one push; sending rejects on anything but success. */
const CLIENTS = {
  async native() {
    const { createNativeConnector } = await import('../apps/worker/dist/apns/native/native-connection.js');
    return connectionOf(createNativeConnector);
  },

  async 'node-apn'() {
    const apn = require('@parse/node-apn');
    const provider = new apn.Provider({
      token: { key, keyId: 'KEYID12345', teamId: 'TEAMID1234' },
      address: 'localhost',
      ca,
      requestTimeout: 60_000,
    });
    provider.client.config.port = Number(port);
    const notification = new apn.Notification({
      ...NOTIFICATION,
      topic: TOPIC,
      pushType: 'alert',
      expiry: 1_900_000_000,
    });
    notification.collapseId = HEADERS['apns-collapse-id'];
    return async (number) => {
      const { failed } = await provider.send(notification, DEVICE_TOKENS[number % DEVICE_TOKENS.length]);
      if (failed.length > 0) throw failed[0].error ?? new Error(JSON.stringify(failed[0]));
    };
  },

  async 'node:http2'() {
    const session = connect(`https://localhost:${port}`, { ca });
    await new Promise((resolve) => session.once('remoteSettings', resolve));
    return (number) =>
      new Promise((resolve, reject) => {
        const stream = session.request({
          ':method': 'POST',
          ':path': `/3/device/${DEVICE_TOKENS[number % DEVICE_TOKENS.length]}`,
          authorization: `bearer ${providerToken.current()}`,
          ...HEADERS,
          'apns-id': apnsId(number),
        });
        stream.on('response', (headers) => {
          if (headers[':status'] !== 200) reject(new Error(`status ${headers[':status']}`));
        });
        stream.on('data', () => {});
        stream.on('end', resolve);
        stream.on('error', reject);
        stream.end(PAYLOAD);
      });
  },

  async apns2() {
    const { ApnsClient, Notification } = await import('apns2');
    const { Pool } = createRequire(require.resolve('apns2'))('undici');
    const client = new ApnsClient({
      team: 'TEAMID1234',
      keyId: 'KEYID12345',
      signingKey: key,
      defaultTopic: TOPIC,
    });
    // Its own pool goes to port 443 only; the options are those of its source, but one connection as all others have.
    client.client = new Pool(`https://localhost:${port}`, {
      connections: 1,
      pipelining: 1,
      allowH2: true,
      maxConcurrentStreams: 1000,
      connect: { ca },
    });
    return (number) =>
      client.send(
        new Notification(DEVICE_TOKENS[number % DEVICE_TOKENS.length], {
          ...NOTIFICATION,
          data: NOTIFICATION.payload,
          collapseId: HEADERS['apns-collapse-id'],
          expiration: Number(HEADERS['apns-expiration']),
        }),
      );
  },
};

/** A connection as the worker uses it. */
async function connectionOf(createConnector) {
  const open = createConnector({
    host: 'localhost',
    port: Number(port),
    ca,
    credential: { kind: 'token' },
    providerToken: () => providerToken.current(),
  });
  const connection = open();
  await connection.ready;
  return (number) =>
    new Promise((resolve, reject) => {
      const request = {
        deviceToken: DEVICE_TOKENS[number % DEVICE_TOKENS.length],
        apnsId: apnsId(number),
        headers: HEADERS,
        payload: PAYLOAD,
      };
      connection.send(request, 60_000, (answer) => {
        if (answer.status === 200) resolve();
        else reject(new Error(JSON.stringify(answer)));
      });
    });
}

function apnsId(number) {
  return `00000000-0000-8000-8000-${number.toString(16).padStart(12, '0')}`;
}

/** Sends `total` pushes with `inFlight` open at a time. */
async function pump(send, total) {
  let next = 0;
  const lane = async () => {
    while (next < total) await send(next++);
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, total) }, lane));
}

const send = await CLIENTS[client]();
await send(0);
await pump(send, Math.min(WARM_UP, count));
const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
await pump(send, count);
const { user, system } = process.cpuUsage(cpuBefore);
const seconds = (performance.now() - startedAt) / 1_000;
process.stdout.write(JSON.stringify({ microseconds: (user + system) / count, perSecond: count / seconds }));
process.exit(0);
