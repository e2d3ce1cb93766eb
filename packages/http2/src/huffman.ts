/**
 * The Huffman code of HPACK (RFC 7541, appendix B). It is canonical: the lengths of its codes alone
 * determine them, so the lengths are all that is written down here.
 */
import { ConnectionError, ErrorCode } from './protocol.ts';

/** Bits of the code of each octet, and of EOS (256) at the end. */
const CODE_LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const EOS = 256;

const CODES = new Uint32Array(257);
/**
 * The codes as a tree that is walked by whole octets. Per node and octet: 0 where no code goes, -n for
 * the node n below, else symbol * 16 + how many bits of this octet belong to the symbol's code.
 */
const NODES: Int16Array[] = [new Int16Array(256)];

const symbols = CODE_LENGTHS.map((_, symbol) => symbol);
symbols.sort((a, b) => CODE_LENGTHS[a]! - CODE_LENGTHS[b]! || a - b);
let code = 0;
let codeLength = 0;
for (const symbol of symbols) {
  const length = CODE_LENGTHS[symbol]!;
  code *= 2 ** (length - codeLength);
  codeLength = length;
  CODES[symbol] = code;
  // EOS has no place in the tree: inside a string it is an error.
  if (symbol !== EOS) plant(symbol, code, length);
  code++;
}

function plant(symbol: number, symbolCode: number, length: number): void {
  let node = NODES[0]!;
  let left = length;
  for (; left > 8; left -= 8) {
    const octet = (symbolCode >>> (left - 8)) & 0xff;
    if (node[octet] === 0) node[octet] = -(NODES.push(new Int16Array(256)) - 1);
    node = NODES[-node[octet]!]!;
  }
  const first = (symbolCode << (8 - left)) & 0xff;
  node.fill(symbol * 16 + left, first, first + (1 << (8 - left)));
}

let scratch = Buffer.allocUnsafe(1_024);

/**
 * Decodes `bytes[start..end)` as latin1 text.
 *
 * @throws ConnectionError COMPRESSION_ERROR for EOS inside, padding of more than seven bits, or
 * padding that is not all ones (RFC 7541, 5.2)
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string {
  // The shortest code has five bits.
  const most = Math.ceil(((end - start) * 8) / 5);
  if (scratch.length < most) scratch = Buffer.allocUnsafe(most * 2);
  let written = 0;
  let node = NODES[0]!;
  let bits = 0;
  let count = 0;
  /** Bits read since the last whole symbol. */
  let open = 0;
  for (let at = start; at < end; at++) {
    bits = (bits << 8) | bytes[at]!;
    count += 8;
    open += 8;
    while (count >= 8) {
      const hit = node[(bits >>> (count - 8)) & 0xff]!;
      if (hit > 0) {
        scratch[written++] = hit >> 4;
        count -= hit & 15;
        open = count;
        node = NODES[0]!;
      } else if (hit < 0) {
        count -= 8;
        node = NODES[-hit]!;
      } else {
        throw broken('EOS inside a string');
      }
    }
    bits &= (1 << count) - 1;
  }
  while (count > 0) {
    const hit = node[(bits << (8 - count)) & 0xff]!;
    if (hit <= 0 || (hit & 15) > count) break;
    scratch[written++] = hit >> 4;
    count -= hit & 15;
    bits &= (1 << count) - 1;
    open = count;
    node = NODES[0]!;
  }
  if (open > 7) throw broken('padding is longer than seven bits');
  if (bits !== (1 << count) - 1) throw broken('padding is not all ones');
  return scratch.toString('latin1', 0, written);
}

/** Bytes that `text` (latin1) takes when it is encoded. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += CODE_LENGTHS[text.charCodeAt(i)]!;
  return (bits + 7) >> 3;
}

/** Writes `text` (latin1) to `bytes` from `at` on; returns where it ends. */
export function encodeHuffman(text: string, bytes: Uint8Array, at: number): number {
  let pending = 0;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    let left = CODE_LENGTHS[symbol]!;
    // In pieces of a byte at most, so that `pending` never has more than 15 bits.
    while (left > 0) {
      const piece = Math.min(left, 8);
      left -= piece;
      pending = (pending << piece) | ((CODES[symbol]! >>> left) & ((1 << piece) - 1));
      count += piece;
      if (count >= 8) {
        count -= 8;
        bytes[at++] = pending >>> count;
        pending &= (1 << count) - 1;
      }
    }
  }
  if (count > 0) bytes[at++] = (pending << (8 - count)) | ((1 << (8 - count)) - 1);
  return at;
}

function broken(what: string): ConnectionError {
  return new ConnectionError(ErrorCode.COMPRESSION_ERROR, `Huffman: ${what}`);
}
