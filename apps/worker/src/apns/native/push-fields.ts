/**
 * The header block of a push. What is the same for a whole batch is encoded once and copied from then
 * on; only the path and apns-id are written for each recipient.
 *
 * What goes into the table: Apple's two pages differ, see docs/decisions/0015. Values that stay are
 * indexed, the provider token too ("Establishing a connection to APNs"); :path and apns-id are literal;
 * apns-expiration and apns-collapse-id are literal the first time, since a single push has its own.
 */
import { type HpackEncoder, writeInteger } from '@pushfleet/http2/hpack-encoder';
import type { Output } from '@pushfleet/http2/output';
import type { ApnsRequest } from '../apns-connection.ts';

const PATH = '/3/device/';
const UUID_LENGTH = 36;
const VALUE_OF_ONE_PUSH = new Set(['apns-expiration', 'apns-collapse-id']);

/** One headers object: the object stands for its batch. */
interface Prepared {
  uses: number;
  /** State of the encoder and provider token for which the two parts hold. */
  version: number;
  authorization: string | undefined;
  /** The block up to the path, and from behind the path up to the value of apns-id. */
  front: Buffer;
  rest: Buffer;
}

export class PushFields {
  readonly #prepared = new WeakMap<object, Prepared>();
  /** The one used last, and of what. */
  #lastHeaders: object | undefined;
  #last: Prepared | undefined;

  constructor(
    private readonly encoder: HpackEncoder,
    private readonly authority: string,
    private readonly providerToken: (() => string) | undefined,
  ) {}

  write(out: Output, request: ApnsRequest): void {
    const prepared = this.#preparedFor(request.headers);
    const token = this.providerToken?.();
    prepared.uses++;
    if (
      prepared.version !== this.encoder.version ||
      prepared.authorization !== token ||
      request.apnsId.length !== UUID_LENGTH
    )
      return void this.#encode(out, request, prepared, token);
    out.append(prepared.front);
    writePath(out, request.deviceToken);
    out.append(prepared.rest);
    out.latin1(request.apnsId);
  }

  #preparedFor(headers: object): Prepared {
    if (headers === this.#lastHeaders) return this.#last!;
    let prepared = this.#prepared.get(headers);
    if (prepared === undefined) {
      prepared = { uses: 0, version: -1, authorization: '', front: EMPTY, rest: EMPTY };
      this.#prepared.set(headers, prepared);
    }
    this.#lastHeaders = headers;
    this.#last = prepared;
    return prepared;
  }

  #encode(out: Output, request: ApnsRequest, prepared: Prepared, token: string | undefined): void {
    const { encoder } = this;
    encoder.begin(out);
    const { version } = encoder;
    const start = out.length;
    encoder.indexed(out, ':method', 'POST');
    encoder.indexed(out, ':scheme', 'https');
    encoder.indexed(out, ':authority', this.authority);
    const path = out.length;
    writePath(out, request.deviceToken);
    const behindPath = out.length;
    if (token !== undefined) encoder.indexed(out, 'authorization', `bearer ${token}`);
    for (const name in request.headers) {
      const value = request.headers[name]!;
      if (prepared.uses === 1 && VALUE_OF_ONE_PUSH.has(name)) encoder.literal(out, name, value);
      else encoder.indexed(out, name, value);
    }
    encoder.literal(out, 'apns-id', request.apnsId);
    // Only a block that changed nothing says the same when it is sent again.
    if (prepared.uses === 1 || encoder.version !== version || request.apnsId.length !== UUID_LENGTH) return;
    prepared.version = version;
    prepared.authorization = token;
    prepared.front = Buffer.from(out.bytes.subarray(start, path));
    prepared.rest = Buffer.from(out.bytes.subarray(behindPath, out.length - UUID_LENGTH));
  }
}

const EMPTY = Buffer.alloc(0);

/** Literal, without indexing, without Huffman; the name is entry 4 of the static table. */
function writePath(out: Output, deviceToken: string): void {
  const length = PATH.length + deviceToken.length;
  out.octet(0x04);
  writeInteger(out, 0x00, 7, length);
  out.latin1(PATH);
  out.latin1(deviceToken);
}
