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
/** Made before, as the worker's are made of ids; h2load sends one over and over. */
const APNS_IDS = DEVICE_TOKENS.map(
  (_, number) => `00000000-0000-8000-8000-${number.toString(16).padStart(12, '0')}`,
);
const providerToken = createProviderTokenSource({ keyPem: key, keyId: 'KEYID12345', teamId: 'TEAMID1234' });

/** Each opens its connection and returns how it sends one push; `done` gets an error on anything but success. */
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
    return (number, done) => {
      provider.send(notification, DEVICE_TOKENS[number % DEVICE_TOKENS.length]).then(({ failed }) => {
        done(failed.length === 0 ? undefined : (failed[0].error ?? new Error(JSON.stringify(failed[0]))));
      }, done);
    };
  },

  async 'node:http2'() {
    const session = connect(`https://localhost:${port}`, { ca });
    await new Promise((resolve) => session.once('remoteSettings', resolve));
    return (number, done) => {
      const stream = session.request({
        ':method': 'POST',
        ':path': `/3/device/${DEVICE_TOKENS[number % DEVICE_TOKENS.length]}`,
        authorization: `bearer ${providerToken.current()}`,
        ...HEADERS,
        'apns-id': APNS_IDS[number % APNS_IDS.length],
      });
      let status = 0;
      stream.on('response', (headers) => {
        status = headers[':status'];
      });
      stream.on('data', () => {});
      stream.on('end', () => done(status === 200 ? undefined : new Error(`status ${status}`)));
      stream.on('error', done);
      stream.end(PAYLOAD);
    };
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
    return (number, done) => {
      const notification = new Notification(DEVICE_TOKENS[number % DEVICE_TOKENS.length], {
        ...NOTIFICATION,
        data: NOTIFICATION.payload,
        collapseId: HEADERS['apns-collapse-id'],
        expiration: Number(HEADERS['apns-expiration']),
      });
      client.send(notification).then(() => done(), done);
    };
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
  return (number, done) => {
    const request = {
      deviceToken: DEVICE_TOKENS[number % DEVICE_TOKENS.length],
      apnsId: APNS_IDS[number % APNS_IDS.length],
      headers: HEADERS,
      payload: PAYLOAD,
    };
    connection.send(request, 60_000, (answer) => {
      done(answer.status === 200 ? undefined : new Error(JSON.stringify(answer)));
    });
  };
}

/** Sends `total` pushes with `inFlight` open at a time; what it costs itself is charged to each client. */
function pump(send, total) {
  return new Promise((resolve, reject) => {
    let next = 0;
    let ended = 0;
    const done = (error) => {
      if (error !== undefined) return reject(error);
      if (++ended === total) return resolve();
      if (next < total) send(next++, done);
    };
    while (next < Math.min(inFlight, total)) send(next++, done);
  });
}

const send = await CLIENTS[client]();
await pump(send, 1);
await pump(send, Math.min(WARM_UP, count));
const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
await pump(send, count);
const { user, system } = process.cpuUsage(cpuBefore);
const seconds = (performance.now() - startedAt) / 1_000;
process.stdout.write(JSON.stringify({ microseconds: (user + system) / count, perSecond: count / seconds }));
process.exit(0);
