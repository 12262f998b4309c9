import { randomBytes } from 'node:crypto';
import { bytesOf, type Bytes } from './bytes.js';

/** A WebSocket frame as RFC 6455, section 5.2, has it, or as no client may send it. */
export interface RawFrame {
  readonly op: number;
  readonly data: Bytes;
  /** 1 unless told. */
  readonly fin?: 0 | 1;
  /** True unless told: what clients must do. */
  readonly mask?: boolean;
  /** The three reserved bits: 4, 2 and 1. */
  readonly rsv?: number;
  /** A length to claim, as the 16 hexadecimal digits of the longest form. */
  readonly len?: string;
  /** How many of it; one unless told. */
  readonly times?: number;
}

export interface ReceivedFrame {
  readonly op: number;
  readonly data: Buffer;
}

export const TEXT = 1;
export const CLOSE = 8;

export function framesOf(frames: readonly RawFrame[]): Buffer {
  return Buffer.concat(
    frames.flatMap((frame) => Array.from({ length: frame.times ?? 1 }, () => frameOf(frame))),
  );
}

function frameOf({ op, data, fin = 1, mask = true, rsv = 0, len }: RawFrame): Buffer {
  const payload = bytesOf(data);
  const header = lengthField(payload.length, len);
  header[1]! |= mask ? 0x80 : 0;
  header[0] = (fin << 7) | (rsv << 4) | op;
  if (!mask) return Buffer.concat([header, payload]);
  const key = randomBytes(4);
  return Buffer.concat([header, key, payload.map((byte, i) => byte ^ key[i % 4]!)]);
}

/** Two bytes, and the longer forms of the length where it takes them. */
function lengthField(length: number, claimed: string | undefined): Buffer {
  if (claimed !== undefined) return Buffer.from(`007f${claimed}`, 'hex');
  if (length < 126) return Buffer.from([0, length]);
  const field = Buffer.alloc(length < 65_536 ? 4 : 10);
  field[1] = length < 65_536 ? 126 : 127;
  if (length < 65_536) field.writeUInt16BE(length, 2);
  else field.writeBigUInt64BE(BigInt(length), 2);
  return field;
}

/** The whole frames at the beginning of what a server sent. */
export function readFrames(bytes: Buffer): ReceivedFrame[] {
  const frames: ReceivedFrame[] = [];
  for (let at = 0; at + 2 <= bytes.length;) {
    const short = bytes[at + 1]! & 0x7f;
    const start = at + (short < 126 ? 2 : short === 126 ? 4 : 10);
    if (start > bytes.length) break;
    const length =
      short < 126
        ? short
        : short === 126
          ? bytes.readUInt16BE(at + 2)
          : Number(bytes.readBigUInt64BE(at + 2));
    if (start + length > bytes.length) break;
    frames.push({ op: bytes[at]! & 0x0f, data: bytes.subarray(start, start + length) });
    at = start + length;
  }
  return frames;
}
