/** Writes frames (RFC 9113, section 6) to an output. */
import type { Output } from './output.ts';
import { CLIENT_PREFACE, Flag, FRAME_HEADER_BYTES, FrameType } from './protocol.ts';

export function writeFrameHeader(
  out: Output,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  out.reserve(FRAME_HEADER_BYTES);
  putFrameHeader(out, out.length, length, type, flags, streamId);
  out.length += FRAME_HEADER_BYTES;
}

/** What a client sends first; `windowIncrement` enlarges the window of the connection. */
export function writePreface(
  out: Output,
  settings: ReadonlyArray<readonly [id: number, value: number]>,
  windowIncrement: number,
): void {
  out.append(CLIENT_PREFACE);
  writeSettings(out, settings);
  writeWindowUpdate(out, 0, windowIncrement);
}

/** Pairs of setting and value. */
export function writeSettings(
  out: Output,
  settings: ReadonlyArray<readonly [id: number, value: number]>,
): void {
  writeFrameHeader(out, settings.length * 6, FrameType.SETTINGS, 0, 0);
  for (const [id, value] of settings) {
    out.octet(id >> 8);
    out.octet(id & 0xff);
    out.uint32(value);
  }
}

export function writeSettingsAck(out: Output): void {
  writeFrameHeader(out, 0, FrameType.SETTINGS, Flag.ACK, 0);
}

/** `payload` has eight octets. */
export function writePing(out: Output, payload: Uint8Array, isAck: boolean): void {
  writeFrameHeader(out, 8, FrameType.PING, isAck ? Flag.ACK : 0, 0);
  out.append(payload);
}

export function writeWindowUpdate(out: Output, streamId: number, increment: number): void {
  writeFrameHeader(out, 4, FrameType.WINDOW_UPDATE, 0, streamId);
  out.uint32(increment);
}

export function writeReset(out: Output, streamId: number, code: number): void {
  writeFrameHeader(out, 4, FrameType.RST_STREAM, 0, streamId);
  out.uint32(code);
}

export function writeGoaway(out: Output, lastStreamId: number, code: number, debugData = ''): void {
  const data = Buffer.from(debugData);
  writeFrameHeader(out, 8 + data.length, FrameType.GOAWAY, 0, 0);
  out.uint32(lastStreamId);
  out.uint32(code);
  out.append(data);
}

export function writeData(
  out: Output,
  streamId: number,
  data: Uint8Array,
  start: number,
  end: number,
  isLast: boolean,
): void {
  writeFrameHeader(out, end - start, FrameType.DATA, isLast ? Flag.END_STREAM : 0, streamId);
  out.append(data, start, end);
}

/**
 * A header block that `encode` writes, as one HEADERS frame, and CONTINUATION frames for what does not
 * fit into it.
 */
export function writeHeaders(
  out: Output,
  streamId: number,
  maxFrameSize: number,
  isLast: boolean,
  encode: (out: Output) => void,
): void {
  const at = out.length;
  writeFrameHeader(out, 0, FrameType.HEADERS, 0, streamId);
  encode(out);
  const length = out.length - at - FRAME_HEADER_BYTES;
  const endStream = isLast ? Flag.END_STREAM : 0;
  if (length <= maxFrameSize) {
    putFrameHeader(out, at, length, FrameType.HEADERS, Flag.END_HEADERS | endStream, streamId);
    return;
  }
  const block = Buffer.from(out.bytes.subarray(at + FRAME_HEADER_BYTES, out.length));
  out.length = at;
  for (let start = 0; start < block.length; start += maxFrameSize) {
    const end = Math.min(start + maxFrameSize, block.length);
    const type = start === 0 ? FrameType.HEADERS : FrameType.CONTINUATION;
    const flags = (start === 0 ? endStream : 0) | (end === block.length ? Flag.END_HEADERS : 0);
    writeFrameHeader(out, end - start, type, flags, streamId);
    out.append(block, start, end);
  }
}

function putFrameHeader(
  { bytes }: Output,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  bytes[at + 5] = streamId >>> 24;
  bytes[at + 6] = streamId >>> 16;
  bytes[at + 7] = streamId >>> 8;
  bytes[at + 8] = streamId;
}
