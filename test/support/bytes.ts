import { gzipSync } from 'node:zlib';

/** Bytes as test data describes them: what would be too long or impossible to write down as it is. */
export type Bytes =
  | string
  | { readonly cat: readonly Bytes[] }
  /** A text so many times. */
  | { readonly rep: readonly [string, number] }
  /** Numbers from the first to the last, each between two texts. */
  | { readonly seq: readonly [string, number, number, string] }
  | { readonly hex: string }
  | { readonly gzip: Bytes }
  | { readonly zeros: number };

export function bytesOf(bytes: Bytes): Buffer {
  if (typeof bytes === 'string') return Buffer.from(bytes);
  if ('cat' in bytes) return Buffer.concat(bytes.cat.map((part) => bytesOf(part)));
  if ('rep' in bytes) return Buffer.from(bytes.rep[0].repeat(bytes.rep[1]));
  if ('hex' in bytes) return Buffer.from(bytes.hex, 'hex');
  if ('gzip' in bytes) return gzipSync(bytesOf(bytes.gzip));
  if ('zeros' in bytes) return Buffer.alloc(bytes.zeros);
  const [before, first, last, after] = bytes.seq;
  const numbers = Array.from({ length: last - first + 1 }, (_, i) => `${before}${first + i}${after}`);
  return Buffer.from(numbers.join(''));
}
