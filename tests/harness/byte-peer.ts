/** The other end of an Http2Client in tests: a server that says whatever octets the test wants. */
import type { ClientStream, StreamEnd } from '@pushfleet/http2/client-stream';
import { FrameReader } from '@pushfleet/http2/frame-reader';
import { writeFrameHeader, writeSettings } from '@pushfleet/http2/frame-writer';
import { HpackDecoder } from '@pushfleet/http2/hpack-decoder';
import { Http2Client, type Http2ClientOptions } from '@pushfleet/http2/http2-client';
import { Output } from '@pushfleet/http2/output';
import { CLIENT_PREFACE, type ConnectionError, Flag, FrameType } from '@pushfleet/http2/protocol';

export type Fields = ReadonlyArray<readonly [name: string, value: string]>;

/** A frame that the client wrote. */
export interface HeardFrame {
  readonly type: string;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

const TYPE_NAMES = new Map<number, string>(Object.entries(FrameType).map(([name, type]) => [type, name]));
const POST: Fields = [
  [':method', 'POST'],
  [':path', '/'],
];

export class BytePeer {
  readonly client: Http2Client;
  /** What the client told its owner, in order. */
  readonly events: unknown[][] = [];
  /** How each stream ended, by its id. */
  readonly ends = new Map<number, StreamEnd>();
  readonly decoder = new HpackDecoder();
  nowMs = 0;

  constructor(options: Http2ClientOptions = {}) {
    this.client = new Http2Client(
      {
        settings: () => this.events.push(['settings']),
        goaway: (lastId, code, text) => this.events.push(['goaway', lastId, code, text]),
        pong: (payload) => this.events.push(['pong', payload.toString('hex')]),
        failed: (error: ConnectionError) => this.events.push(['failed', error.code, error.message]),
      },
      { wantedFields: new Set(['retry-after']), ...options },
    );
  }

  /** A peer that has said its SETTINGS, and has read what the client says at first. */
  static ready(settings: Parameters<typeof writeSettings>[1] = [], options?: Http2ClientOptions): BytePeer {
    const peer = new BytePeer(options);
    peer.say((out) => writeSettings(out, settings));
    peer.heard();
    return peer;
  }

  request(body = '{}', fields: Fields = POST): ClientStream | undefined {
    const encode = (out: Output) => {
      this.client.encoder.begin(out);
      for (const [name, value] of fields) this.client.encoder.indexed(out, name, value);
    };
    return this.client.request(encode, Buffer.from(body), (end, stream) => this.ends.set(stream.id, end));
  }

  say(write: (out: Output) => void): void {
    this.sayOctets(octetsOf(write));
  }

  sayOctets(octets: Buffer): void {
    this.client.receive(octets, this.nowMs);
  }

  /** HEADERS with these fields, and DATA if there is a body. */
  respond(streamId: number, fields: Fields, body?: string): void {
    this.say((out) => {
      frame(out, FrameType.HEADERS, headFlags(body === undefined), streamId, block(fields));
      if (body !== undefined) frame(out, FrameType.DATA, Flag.END_STREAM, streamId, body);
    });
  }

  /** The octets that the client wrote since the last call. */
  heardOctets(): Buffer {
    return Buffer.from(this.client.output.take(Buffer.allocUnsafe(1_024)));
  }

  /** The frames that the client wrote since the last call; its preface is left out. */
  heard(): HeardFrame[] {
    let octets = this.heardOctets();
    if (octets.indexOf(CLIENT_PREFACE) === 0) octets = octets.subarray(CLIENT_PREFACE.length);
    return framesOf(octets);
  }

  /** The same in short: `DATA 1 "{}"`, `SETTINGS ACK`, `GOAWAY 1`, with the numbers that matter. */
  heardInShort(): string[] {
    return this.heard().map((heard) => this.#short(heard));
  }

  #short({ type, flags, streamId, payload }: HeardFrame): string {
    const end = flags & Flag.END_STREAM ? ' END' : '';
    if (type === 'DATA') return `DATA ${streamId} ${payload.length}${end}`;
    if (type === 'HEADERS') return `HEADERS ${streamId}`;
    if (type === 'RST_STREAM' || type === 'WINDOW_UPDATE')
      return `${type} ${streamId} ${payload.readUInt32BE()}`;
    if (type === 'GOAWAY') return `GOAWAY ${payload.readUInt32BE(4)}`;
    return `${type}${flags & Flag.ACK ? ' ACK' : ''}`;
  }
}

export function octetsOf(write: (out: Output) => void): Buffer {
  const out = new Output(1_024);
  write(out);
  return Buffer.from(out.bytes.subarray(0, out.length));
}

export function frame(
  out: Output,
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array | string = '',
): void {
  const bytes = Buffer.from(payload as string);
  writeFrameHeader(out, bytes.length, type, flags, streamId);
  out.append(bytes);
}

export function headFlags(isLast: boolean): number {
  return Flag.END_HEADERS | (isLast ? Flag.END_STREAM : 0);
}

/** A header block without tables and Huffman, written by hand; names and values shorter than 127. */
export function block(fields: Fields): Buffer {
  return Buffer.concat(
    fields.flatMap(([name, value]) => [
      Buffer.from([0, name.length]),
      Buffer.from(name, 'latin1'),
      Buffer.from([value.length]),
      Buffer.from(value, 'latin1'),
    ]),
  );
}

export function framesOf(octets: Buffer): HeardFrame[] {
  const frames: HeardFrame[] = [];
  const reader = new FrameReader((type, flags, streamId, bytes, start, end) => {
    const payload = Buffer.from(bytes.subarray(start, end));
    frames.push({ type: TYPE_NAMES.get(type) ?? `type ${type}`, flags, streamId, payload });
  }, 65_536);
  reader.push(octets);
  return frames;
}
