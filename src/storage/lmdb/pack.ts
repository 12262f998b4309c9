import { eventsIn } from './chunk.js';

/** A chunk of a log and the number with which it begins. */
export interface ChunkRecord {
  readonly firstSeq: number;
  readonly record: Buffer;
}

/**
 * How a log's chunks stand in the tree: several that follow on each other in one record, under the number of the first. A record of the tree costs
 * some 2 µs to write however little it holds. One chunk alone is a record as it is: its first byte, its version, is another.
 *
 *     0  2
 *     1  number of the last chunk 6
 *     7  for each chunk: number 6, length 4, the chunk
 */
const PACK = 2;
const HEADER_BYTES = 7;
const PLACE_BYTES = 10;

/** What one page of the tree holds. Twice or four times as much measured the same; a chunk that is larger stands alone. */
const MAX_BYTES = 4080;

/** `chunks`, which are in order, as they will stand together. */
export function* packs(chunks: Iterable<ChunkRecord>): Generator<ChunkRecord> {
  let together: ChunkRecord[] = [];
  let bytes = HEADER_BYTES;
  for (const chunk of chunks) {
    const more = PLACE_BYTES + chunk.record.length;
    // One without events stands alone: the next one takes its place.
    if (together.length > 0 && (bytes + more > MAX_BYTES || eventsIn(chunk.record) === 0)) {
      yield pack(together);
      together = [];
      bytes = HEADER_BYTES;
    }
    together.push(chunk);
    bytes += more;
  }
  if (together.length > 0) yield pack(together);
}

function pack(chunks: readonly ChunkRecord[]): ChunkRecord {
  const first = chunks[0]!;
  if (chunks.length === 1) return first;
  let bytes = HEADER_BYTES;
  for (const { record } of chunks) bytes += PLACE_BYTES + record.length;
  const packed = Buffer.allocUnsafe(bytes);
  packed[0] = PACK;
  packed.writeUIntLE(chunks.at(-1)!.firstSeq, 1, 6);
  let at = HEADER_BYTES;
  for (const { firstSeq, record } of chunks) {
    packed.writeUIntLE(firstSeq, at, 6);
    packed.writeUInt32LE(record.length, at + 6);
    at += PLACE_BYTES;
    at += record.copy(packed, at);
  }
  return { firstSeq: first.firstSeq, record: packed };
}

/** The number of the last chunk in a record of the tree. */
export function lastOf({ firstSeq, record }: ChunkRecord): number {
  return record[0] === PACK ? record.readUIntLE(1, 6) : firstSeq;
}

/** The chunks in a record of the tree, in order. */
export function* unpack(packed: ChunkRecord): Generator<ChunkRecord> {
  const { record } = packed;
  if (record[0] !== PACK) return yield packed;
  for (let at = HEADER_BYTES; at < record.length; at = endOf(record, at)) yield chunkIn(record, at);
}

/** The chunks in a record of the tree that begin at `seq` or before it, the last one first. */
export function* unpackDown(packed: ChunkRecord, seq: number): Generator<ChunkRecord> {
  const { record } = packed;
  if (record[0] !== PACK) return yield packed;
  const places: number[] = [];
  for (let at = HEADER_BYTES; at < record.length && seqIn(record, at) <= seq; at = endOf(record, at))
    places.push(at);
  for (let at = places.pop(); at !== undefined; at = places.pop()) yield chunkIn(record, at);
}

function seqIn(record: Buffer, at: number): number {
  return record.readUIntLE(at, 6);
}

function endOf(record: Buffer, at: number): number {
  return at + PLACE_BYTES + record.readUInt32LE(at + 6);
}

function chunkIn(record: Buffer, at: number): ChunkRecord {
  return { firstSeq: seqIn(record, at), record: record.subarray(at + PLACE_BYTES, endOf(record, at)) };
}
