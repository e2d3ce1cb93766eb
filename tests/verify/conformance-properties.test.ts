import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { anyOctets, anySplit, spoiltOctets } from '../harness/any-frames.ts';
import { aPush } from '../harness/apns-peers.ts';
import { BytePeer } from '../harness/byte-peer.ts';
import { answerOf } from '../harness/connectors.ts';
import { SETTINGS, startRawPeer } from '../harness/raw-http2-peer.ts';

test('any split of any frames: the same events, the same answers, the same octets from us', () => {
  fc.assert(anySplit, { numRuns: 10_000 });
}, 300_000);

test('whatever comes behind the first SETTINGS: no exception, and every request is settled once', () => {
  fc.assert(anyOctets, { numRuns: 50_000 });
}, 300_000);

test('over TLS too: whatever the server says, every push is settled and the connection ends once', async () => {
  let octets: Buffer = Buffer.alloc(0);
  const peer = await startRawPeer((socket) => {
    socket.write(SETTINGS);
    let heard = 0;
    socket.on('data', (chunk) => {
      heard += chunk.length;
      if (heard <= 600) return;
      heard = Number.NEGATIVE_INFINITY;
      socket.end(octets);
    });
  });
  await fc.assert(
    fc.asyncProperty(spoiltOctets, async (said) => {
      octets = said;
      const { connection, dead } = peer.connect();
      let deaths = 0;
      connection.on((event) => {
        if (event.type === 'dead') deaths++;
      });
      await connection.ready;
      const answers = await Promise.all(
        [1, 2, 3].map((number) => answerOf(connection, aPush(number), 20_000)),
      );
      expect(answers).toHaveLength(3);
      expect(await dead).not.toBe('');
      await new Promise(setImmediate);
      expect(deaths).toBe(1);
    }),
    { numRuns: 500 },
  );
  await peer.close();
}, 300_000);

test('half a million requests on one connection leave nothing behind', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const peer = BytePeer.ready([[4, 1_000_000]]);
  const used = () => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const run = (count: number) => {
    for (let number = 0; number < count; number++) {
      const stream = peer.request('', [['x-batch', `${number % 1_000}`]])!;
      if (number % 3 === 0) peer.client.cancel(stream);
      else peer.respond(stream.id, [[':status', number % 3 === 1 ? '200' : '400']], '{}');
      peer.ends.clear();
      peer.heardOctets();
    }
  };
  run(30_000);
  const before = used();
  run(500_000);
  expect(peer.events).toEqual([['settings']]);
  expect(used() - before).toBeLessThan(2_000_000);
}, 300_000);
