import { Socket } from 'node:net';
import { beforeEach, expect, test } from '@jest/globals';
import { Output } from '@pushfleet/http2/output';
import { SocketOutput } from './socket-output.ts';

/** A socket that takes a write when the test says so. */
class SlowSocket extends Socket {
  readonly taken: string[] = [];
  #take: (() => void) | undefined;

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.#take = () => {
      this.taken.push(chunk.toString('latin1'));
      done();
    };
  }

  override _final(done: () => void): void {
    this.taken.push('END');
    done();
  }

  async accept(): Promise<void> {
    const take = this.#take;
    this.#take = undefined;
    take?.();
    await new Promise(setImmediate);
  }
}

let socket: SlowSocket;
let output: Output;
let events: string[];
let sending: SocketOutput;
beforeEach(() => {
  socket = new SlowSocket();
  output = new Output(8);
  events = [];
  sending = new SocketOutput(
    output,
    () => events.push(`handing over ${output.length}`),
    () => events.push('stuck'),
  );
});
const turn = () => new Promise(setImmediate);

test('nothing leaves before the socket is open; what is written in one turn leaves together', async () => {
  output.latin1('preface ');
  sending.flushSoon();
  await turn();
  expect(events).toEqual([]);
  sending.open(socket);
  await socket.accept();
  output.latin1('a');
  sending.flushSoon();
  output.latin1('b');
  sending.flushSoon();
  await turn();
  await socket.accept();
  expect(socket.taken).toEqual(['preface ', 'ab']);
  expect(events).toEqual(['handing over 8', 'handing over 2']);
});

test('while the socket has not taken a write the next one waits, and is not handed over', async () => {
  sending.open(socket);
  output.latin1('first');
  sending.flush();
  for (const word of ['second ', 'third ', 'x'.repeat(100_000)]) {
    output.latin1(word);
    sending.flushSoon();
    await turn();
  }
  expect(events).toEqual(['handing over 5']);
  await socket.accept();
  expect(events).toEqual(['handing over 5', 'handing over 100013']);
  await socket.accept();
  expect(socket.taken).toEqual(['first', `second third ${'x'.repeat(100_000)}`]);
});

test('memory is used again only once the socket has taken what is in it', async () => {
  sending.open(socket);
  const words = Array.from({ length: 50 }, (_, number) => `word ${number} `);
  for (const word of words) {
    output.latin1(word);
    sending.flush();
    if (word.endsWith('7 ')) await socket.accept();
  }
  for (let count = 0; count < 5; count++) await socket.accept();
  expect(socket.taken.join('')).toBe(words.join(''));
});

test('end: our side is closed behind what is still to be written', async () => {
  sending.open(socket);
  output.latin1('request');
  sending.flush();
  output.latin1('goodbye');
  sending.end();
  await turn();
  expect(socket.taken).toEqual([]);
  await socket.accept();
  await socket.accept();
  await turn();
  expect(socket.taken).toEqual(['request', 'goodbye', 'END']);
});

test('a socket that is destroyed takes nothing any more', async () => {
  sending.open(socket);
  output.latin1('x');
  socket.destroy();
  sending.flush();
  sending.end();
  await turn();
  expect(events).toEqual([]);
});

test('a peer that reads nothing while 32 MiB wait is told of', () => {
  sending.open(socket);
  output.latin1('x');
  sending.flush();
  const mebibyte = Buffer.alloc(1_048_576);
  for (let count = 0; count < 32; count++) {
    output.append(mebibyte);
    sending.flushSoon();
  }
  expect(events).toEqual(['handing over 1']);
  output.octet(0);
  sending.flushSoon();
  expect(events).toEqual(['handing over 1', 'stuck']);
});
