/**
 * The token ids of a batch, packed: delta-encoded integers (1 to 2 bytes each in a dense table),
 * UUIDs at 16 bytes, or text. An id is a string everywhere else: decimal digits, 32 hex digits of a
 * BINARY(16), or the text itself.
 */
export type IdKind = 'integer' | 'binary' | 'text';

const KIND_BYTE: { [kind in IdKind]: number } = { integer: 1, binary: 2, text: 3 };

/** The packed ids cannot be read: the row was changed by somebody else. Trying again cannot help. */
export class MalformedRecipientListError extends Error {
  readonly code = 'PUSHFLEET_MALFORMED_RECIPIENT_LIST';
}

export function encodeRecipients(kind: IdKind, ids: readonly string[]): Buffer {
  if (kind === 'integer') return encodeIntegers(ids);
  if (kind === 'binary') return Buffer.concat([Buffer.of(2), ...ids.map((id) => Buffer.from(id, 'hex'))]);
  const parts: Buffer[] = [Buffer.of(KIND_BYTE.text)];
  for (const id of ids) {
    const text = Buffer.from(id, 'utf8');
    if (text.length > 255) throw new RangeError('a text id is longer than 255 bytes');
    parts.push(Buffer.of(text.length), text);
  }
  return Buffer.concat(parts);
}

/** @throws MalformedRecipientListError */
export function decodeRecipients(bytes: Uint8Array): string[] {
  const list = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  switch (list[0]) {
    case KIND_BYTE.integer:
      return decodeIntegers(list);
    case KIND_BYTE.binary:
      return decodeBinary(list);
    case KIND_BYTE.text:
      return decodeText(list);
    default:
      throw new MalformedRecipientListError('the recipients of a batch start with an unknown kind of id');
  }
}

/**
 * Where an id stands in a packed list; -1 where it does not. Looks through thousands of lists without
 * unpacking them: numbers in a dense table are added up, not written out.
 *
 * @throws MalformedRecipientListError
 */
export function indexOfRecipient(bytes: Uint8Array, id: string): number {
  const isSmall = bytes[0] === KIND_BYTE.integer && /^\d{1,14}$/.test(id);
  if (!isSmall) return decodeRecipients(bytes).indexOf(id);
  const wanted = Number(id);
  let sum = 0;
  let index = 0;
  for (let at = 1; at < bytes.length; index++) {
    let zigzag = 0;
    let scale = 1;
    const start = at;
    while (at < bytes.length && bytes[at]! >= 128) {
      zigzag += (bytes[at++]! & 127) * scale;
      scale *= 128;
    }
    // Cut off, or beyond plain numbers: the slow way knows what to do.
    if (at === bytes.length || at - start >= 6) return decodeRecipients(bytes).indexOf(id);
    zigzag += bytes[at++]! * scale;
    sum += zigzag % 2 === 1 ? -(zigzag + 1) / 2 : zigzag / 2;
    if (sum === wanted) return index;
  }
  return -1;
}

/** Bytes that sort like the ids: how a batch's range of ids is stored beside the list. */
export function sortableId(kind: IdKind, id: string): Buffer {
  if (kind === 'binary') return Buffer.from(id, 'hex');
  if (kind === 'text') return Buffer.from(id, 'utf8').subarray(0, 36);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(id));
  return bytes;
}

/** The smallest and the largest id of a batch, as `sortableId` bytes. */
export function idRange(kind: IdKind, ids: readonly string[]): { first: Buffer; last: Buffer } {
  let first = ids[0]!;
  let last = first;
  const isBelow = kind === 'integer' ? isSmallerInteger : isSmallerKey;
  for (const id of ids) {
    if (isBelow(id, first)) first = id;
    if (isBelow(last, id)) last = id;
  }
  return { first: sortableId(kind, first), last: sortableId(kind, last) };

  function isSmallerKey(one: string, other: string): boolean {
    return one !== other && sortableId(kind, one).compare(sortableId(kind, other)) < 0;
  }
}

/** Of decimal digits as MySQL writes them: the shorter is the smaller. Runs for each recipient, so without BigInt. */
function isSmallerInteger(one: string, other: string): boolean {
  return one.length === other.length ? one < other : one.length < other.length;
}

// Zigzag varints. Plain numbers up to 2^52, which is every table in practice; BigInt beyond.
function encodeIntegers(ids: readonly string[]): Buffer {
  const bytes = Buffer.allocUnsafe(1 + ids.length * 10);
  bytes[0] = KIND_BYTE.integer;
  let at = 1;
  let previous = 0n;
  let previousNumber = 0;
  for (const id of ids) {
    if (id.length < 15 && previousNumber >= 0) {
      const value = Number(id);
      const delta = value - previousNumber;
      let zigzag = delta < 0 ? -delta * 2 - 1 : delta * 2;
      while (zigzag >= 128) {
        bytes[at++] = (zigzag % 128) | 128;
        zigzag = Math.floor(zigzag / 128);
      }
      bytes[at++] = zigzag;
      previousNumber = value;
      continue;
    }
    if (previousNumber >= 0) previous = BigInt(previousNumber);
    const value = BigInt(id);
    const delta = value - previous;
    let zigzag = delta < 0n ? -delta * 2n - 1n : delta * 2n;
    while (zigzag >= 128n) {
      bytes[at++] = Number(zigzag & 127n) | 128;
      zigzag >>= 7n;
    }
    bytes[at++] = Number(zigzag);
    previous = value;
    previousNumber = -1;
  }
  return Buffer.from(bytes.subarray(0, at));
}

function decodeIntegers(list: Buffer): string[] {
  const ids: string[] = [];
  let at = 1;
  let previous = 0n;
  let previousNumber = 0;
  while (at < list.length) {
    const start = at;
    while (at < list.length && list[at]! >= 128) at++;
    if (at === list.length) throw new MalformedRecipientListError('the recipients of a batch are cut off');
    at++;
    if (at - start <= 6 && previousNumber >= 0) {
      let zigzag = 0;
      for (let i = at - 1; i >= start; i--) zigzag = zigzag * 128 + (list[i]! & 127);
      previousNumber += zigzag % 2 === 1 ? -(zigzag + 1) / 2 : zigzag / 2;
      ids.push(String(previousNumber));
      continue;
    }
    if (previousNumber >= 0) previous = BigInt(previousNumber);
    let zigzag = 0n;
    for (let i = at - 1; i >= start; i--) zigzag = (zigzag << 7n) | BigInt(list[i]! & 127);
    previous += (zigzag & 1n) === 1n ? -((zigzag + 1n) / 2n) : zigzag / 2n;
    previousNumber = previous <= 4_503_599_627_370_496n && previous >= 0n ? Number(previous) : -1;
    ids.push(previous.toString());
  }
  return ids;
}

function decodeBinary(list: Buffer): string[] {
  if ((list.length - 1) % 16 !== 0)
    throw new MalformedRecipientListError('the recipients of a batch are not 16 bytes each');
  const ids: string[] = [];
  for (let at = 1; at < list.length; at += 16) ids.push(list.toString('hex', at, at + 16));
  return ids;
}

function decodeText(list: Buffer): string[] {
  const ids: string[] = [];
  for (let at = 1; at < list.length; ) {
    const end = at + 1 + list[at]!;
    if (end > list.length) throw new MalformedRecipientListError('the recipients of a batch are cut off');
    ids.push(list.toString('utf8', at + 1, end));
    at = end;
  }
  return ids;
}
