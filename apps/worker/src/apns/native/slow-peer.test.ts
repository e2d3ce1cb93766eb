import type { TLSSocket } from 'node:tls';
import { afterEach, expect, test } from '@jest/globals';
import { writeReset, writeSettings, writeWindowUpdate } from '@pushfleet/http2/frame-writer';
import { Flag, FrameType, SettingId } from '@pushfleet/http2/protocol';
import { aPush, eventually } from '../../../../../tests/harness/apns-peers.ts';
import { block, frame, octetsOf as frames, headFlags } from '../../../../../tests/harness/byte-peer.ts';
import { answerOf } from '../../../../../tests/harness/connectors.ts';
import {
  floodWith,
  SETTINGS,
  startRawPeer,
  watchMemory,
} from '../../../../../tests/harness/raw-http2-peer.ts';

const { HEADERS, DATA, CONTINUATION, PING } = FrameType;
const OK = block([[':status', '200']]);

let close: (() => Promise<void>) | undefined;
afterEach(() => close?.());

async function start(onSocket: (socket: TLSSocket) => void) {
  const peer = await startRawPeer(onSocket);
  close = peer.close;
  return peer;
}

test('frames cut at every octet: the same answers', async () => {
  const said = Buffer.concat([
    SETTINGS,
    frames((out) => writeSettings(out, [[SettingId.MAX_CONCURRENT_STREAMS, 100]])),
  ]);
  const answers = Buffer.concat([
    frames((out) => frame(out, PING, 0, 0, '12345678')),
    frames((out) => frame(out, HEADERS, 0, 1, OK.subarray(0, 3))),
    frames((out) => frame(out, CONTINUATION, Flag.END_HEADERS, 1, OK.subarray(3))),
    frames((out) => frame(out, DATA, Flag.END_STREAM, 1)),
    frames((out) => frame(out, HEADERS, headFlags(false), 3, block([[':status', '410']]))),
    frames((out) => frame(out, DATA, Flag.END_STREAM, 3, '{"reason":"Unregistered"}')),
    frames((out) => writeReset(out, 5, 7)),
  ]);
  const peer = await start((socket) => {
    socket.setNoDelay(true);
    void trickle(socket, said);
    let heard = 0;
    socket.on('data', (chunk) => {
      heard += chunk.length;
      if (heard <= 600) return;
      heard = Number.NEGATIVE_INFINITY;
      void trickle(socket, answers);
    });
  });
  const { connection } = peer.connect();
  await connection.ready;
  await eventually(() => connection.streamLimit === 100);
  const sent = await Promise.all([1, 2, 3].map((number) => answerOf(connection, aPush(number), 20_000)));
  expect(sent).toMatchObject([
    { status: 200 },
    { status: 410, reason: 'Unregistered' },
    { answered: false, sent: 'no', detail: 'APNs refused the stream' },
  ]);
  connection.destroy('the test is over');
});

async function trickle(socket: TLSSocket, octets: Buffer): Promise<void> {
  for (const octet of octets) {
    socket.write(Uint8Array.of(octet));
    await new Promise(setImmediate);
  }
}

test('an answer without an end: memory stays bounded, the deadline ends it, then the flood ends the rest', async () => {
  const head = frames((out) => frame(out, HEADERS, headFlags(false), 1, block([[':status', '410']])));
  const body = frames((out) => frame(out, DATA, 0, 1, Buffer.alloc(10_000, 'x')));
  let asked: TLSSocket | undefined;
  const peer = await start((socket) => {
    asked = socket;
    socket.write(SETTINGS);
  });
  const { connection, dead } = peer.connect();
  await connection.ready;
  const memory = watchMemory();
  const answer = answerOf(connection, aPush(1), 120);
  await eventually(() => peer.heardFrames().some(({ type }) => type === 'DATA'));
  asked!.write(head);
  floodWith(asked!, body);
  expect(await answer).toMatchObject({ answered: false, sent: 'unknown', detail: 'no answer in time' });
  expect(await dead).toMatch(/frames that bring nothing/);
  // Hundreds of megabytes may have come; what is not collected yet is the socket's.
  expect(memory.stop()).toBeLessThan(80_000_000);
});

test.each([
  ['that closes behind an answer', (socket: TLSSocket) => socket.end(), /the server closed the connection/],
  ['that resets the line', (socket: TLSSocket) => socket.destroy(), /closed|ECONNRESET/],
])('a peer %s: what was answered counts, what was written is unknown', async (_, leave, sentence) => {
  const peer = await start((socket) => {
    socket.write(SETTINGS);
    let heard = 0;
    socket.on('data', (chunk) => {
      heard += chunk.length;
      if (heard <= 600) return;
      heard = Number.NEGATIVE_INFINITY;
      socket.write(
        frames((out) => frame(out, HEADERS, headFlags(true), 3, OK)),
        () => leave(socket),
      );
    });
  });
  const { connection, dead } = peer.connect();
  await connection.ready;
  const answers = await Promise.all([1, 2, 3].map((number) => answerOf(connection, aPush(number), 20_000)));
  expect(answers).toMatchObject([{ sent: 'unknown' }, { status: 200 }, { sent: 'unknown' }]);
  expect(await dead).toMatch(sentence);
});

/** A peer that opens its windows wide and then reads nothing any more. */
async function startDeaf() {
  const sockets: TLSSocket[] = [];
  const wide = frames((out) => {
    writeSettings(out, [[SettingId.INITIAL_WINDOW_SIZE, 2 ** 31 - 1]]);
    writeWindowUpdate(out, 0, 2 ** 31 - 1 - 65_535);
  });
  const peer = await start((socket) => {
    sockets.push(socket);
    socket.write(wide);
    setImmediate(() => socket.pause());
  });
  return { peer, sockets };
}

test('a peer that says goodbye and takes nothing of what is on its way: nobody waits for it', async () => {
  const { peer, sockets } = await startDeaf();
  const { connection, dead } = peer.connect();
  await connection.ready;
  const payload = JSON.stringify({ aps: { alert: 'x'.repeat(4_000) } });
  const answers = Promise.all(
    Array.from({ length: 3_000 }, (_, number) => answerOf(connection, { ...aPush(number), payload }, 60_000)),
  );
  await new Promise(setImmediate);
  sockets[0]!.end();
  expect(await dead).toBe('the server closed the connection');
  expect(await answers).toHaveLength(3_000);
});

test('a peer that reads nothing: memory stays bounded, and every push is settled', async () => {
  const { peer } = await startDeaf();
  const { connection, dead } = peer.connect();
  await connection.ready;
  await eventually(() => connection.streamLimit > 0);
  const payload = JSON.stringify({ aps: { alert: 'x'.repeat(4_000) } });
  const memory = watchMemory();
  let settled = 0;
  for (let number = 0; number < 12_000; number++) {
    void answerOf(connection, { ...aPush(number), payload }, 60_000).then(() => settled++);
    if (number % 500 === 0) await new Promise(setImmediate);
  }
  expect(await dead).toBe('the server reads nothing of what is sent');
  await eventually(() => settled === 12_000);
  // 12,000 payloads are 48 MB; what waits is 32 MiB at most, in a buffer that doubles.
  expect(memory.stop()).toBeLessThan(150_000_000);
});
