import { createHash } from 'node:crypto';
import { writeChunk, type NewChunk } from './chunk.js';
import { writeChunkKey } from './keys.js';
import type { LogHead } from './log-head.js';
import { decodeMeta, encodeMeta, type Meta } from './meta.js';

/** What one commit changes. What it takes out goes before what it puts in. */
export interface Changes {
  readonly chunks: readonly LogChanges[];
  /** Of other records than chunks. */
  readonly puts: ReadonlyMap<string, readonly [key: Buffer, value: Buffer]>;
  readonly removes: ReadonlyMap<string, Buffer>;
}

/** What one commit changes of a log's chunks. */
export interface LogChanges {
  readonly accessId: string;
  /** Of each chunk's key. */
  readonly keyBytes: number;
  /** After the commit. */
  readonly head: LogHead;
  readonly written: readonly NewChunk[];
  /** The numbers with which those begin that go. */
  readonly removed: readonly number[];
}

/** A commit with its entry in the journal. */
export interface JournaledCommit {
  readonly changes: Changes;
  /** The file's state after it. */
  readonly meta: Meta;
  readonly entry: Buffer;
  /** Where in the entry the values stand: of `changes.puts`, then of the logs' chunks, each in their order. */
  readonly valuesAt: readonly number[];
}

/** One commit as it is read from the journal. */
export interface JournalEntry {
  /** Commits are numbered from 1, and none is left out. */
  readonly number: number;
  readonly puts: readonly (readonly [key: Buffer, value: Buffer])[];
  readonly removes: readonly Buffer[];
  /** After the commit. */
  readonly meta: Meta;
}

/**
 *     0  magic 4
 *     4  bytes of the whole entry 4
 *     8  number 6
 *    14  the store's epoch 8
 *    22  SHA-256 of all the rest, its first 8
 *    30  length of meta 4, puts 4, removes 4
 *    42  meta; puts: (length of key 2, of value 4, key, value); removes: (length of key 2, key)
 */
const MAGIC = 0x4c_4e_52_4a;
const EPOCH_AT = 14;
const CHECKSUM_AT = 22;
const CHECKSUM_BYTES = 8;
const COUNTS_AT = CHECKSUM_AT + CHECKSUM_BYTES;
const HEADER_BYTES = COUNTS_AT + 12;
/** Before the bytes of a put and of a remove. */
const PUT_BYTES = 6;
const REMOVE_BYTES = 2;

/**
 * @param meta the file's state after the commit, whose number it names
 * @param memoryOf so many bytes for the entry
 */
export function encodeEntry(
  changes: Changes,
  meta: Meta,
  memoryOf: (bytes: number) => Buffer,
): JournaledCommit {
  const metaRecord = encodeMeta(meta);
  const { bytes, puts, removes } = sizeOf(changes);
  const length = HEADER_BYTES + metaRecord.length + bytes;
  const entry = memoryOf(length);
  entry.writeUInt32LE(MAGIC, 0);
  entry.writeUInt32LE(length, 4);
  entry.writeUIntLE(meta.commit, 8, 6);
  entry.write(meta.epoch, EPOCH_AT, 8, 'latin1');
  entry.writeUInt32LE(metaRecord.length, COUNTS_AT);
  entry.writeUInt32LE(puts, COUNTS_AT + 4);
  entry.writeUInt32LE(removes, COUNTS_AT + 8);
  const valuesAt: number[] = [];
  const putsAt = HEADER_BYTES + metaRecord.copy(entry, HEADER_BYTES);
  writeRemoves(entry, writePuts(entry, putsAt, changes, valuesAt), changes);
  checksum(entry).copy(entry, CHECKSUM_AT);
  return { changes, meta, entry, valuesAt };
}

function sizeOf(changes: Changes): { bytes: number; puts: number; removes: number } {
  let [bytes, puts, removes] = [0, changes.puts.size, changes.removes.size];
  for (const [key, value] of changes.puts.values()) bytes += PUT_BYTES + key.length + value.length;
  for (const key of changes.removes.values()) bytes += REMOVE_BYTES + key.length;
  for (const { keyBytes, written, removed } of changes.chunks) {
    for (const chunk of written) bytes += PUT_BYTES + keyBytes + chunk.bytes;
    bytes += removed.length * (REMOVE_BYTES + keyBytes);
    puts += written.length;
    removes += removed.length;
  }
  return { bytes, puts, removes };
}

/** @returns where they end */
function writePuts(entry: Buffer, start: number, { puts, chunks }: Changes, valuesAt: number[]): number {
  let at = start;
  for (const [key, value] of puts.values()) {
    const keyEnd = at + PUT_BYTES + key.copy(entry, at + PUT_BYTES);
    valuesAt.push(keyEnd);
    at = writeLengths(entry, at, keyEnd, keyEnd + value.copy(entry, keyEnd));
  }
  for (const { accessId, head, written } of chunks) {
    for (const chunk of written) {
      const keyEnd = writeChunkKey(entry, at + PUT_BYTES, accessId, chunk.firstSeq);
      valuesAt.push(keyEnd);
      at = writeLengths(entry, at, keyEnd, writeChunk(entry, keyEnd, head, chunk));
    }
  }
  return at;
}

function writeRemoves(entry: Buffer, start: number, { removes, chunks }: Changes): void {
  let at = start;
  for (const key of removes.values()) {
    entry.writeUInt16LE(key.length, at);
    at += REMOVE_BYTES + key.copy(entry, at + REMOVE_BYTES);
  }
  for (const { accessId, removed } of chunks) {
    for (const seq of removed) {
      const keyEnd = writeChunkKey(entry, at + REMOVE_BYTES, accessId, seq);
      entry.writeUInt16LE(keyEnd - at - REMOVE_BYTES, at);
      at = keyEnd;
    }
  }
}

/** @returns where the value ends */
function writeLengths(entry: Buffer, at: number, keyEnd: number, valueEnd: number): number {
  entry.writeUInt16LE(keyEnd - at - PUT_BYTES, at);
  entry.writeUInt32LE(valueEnd - keyEnd, at + 2);
  return valueEnd;
}

/** The entries of one journal file, in order: up to the first that is not whole, or does not follow. */
export function* decodeEntries(file: Buffer, epoch: string): Generator<JournalEntry> {
  let last: number | undefined;
  for (let at = 0; ;) {
    const bytes = wholeEntryAt(file, at, epoch);
    if (!bytes) return;
    const entry = decodeEntry(bytes);
    // What stands behind the newest entry is from an earlier pass over the file.
    if (last !== undefined && entry.number !== last + 1) return;
    yield entry;
    last = entry.number;
    at += bytes.length;
  }
}

/** The highest number of a whole entry anywhere in a journal file; 0 where there is none. */
export function newestNumber(file: Buffer, epoch: string): number {
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(MAGIC);
  let newest = 0;
  for (let at = file.indexOf(magic); at >= 0;) {
    const entry = wholeEntryAt(file, at, epoch);
    if (entry) newest = Math.max(newest, numberOf(entry));
    at = file.indexOf(magic, at + (entry?.length ?? 1));
  }
  return newest;
}

/** The epoch of the store whose entries a journal file holds; `undefined` where none that is whole stands at its beginning. */
export function epochOf(file: Buffer): string | undefined {
  const epoch = file.toString('latin1', EPOCH_AT, CHECKSUM_AT);
  return wholeEntryAt(file, 0, epoch) && epoch;
}

function numberOf(entry: Buffer): number {
  return entry.readUIntLE(8, 6);
}

function wholeEntryAt(file: Buffer, at: number, epoch: string): Buffer | undefined {
  if (at + HEADER_BYTES > file.length || file.readUInt32LE(at) !== MAGIC) return undefined;
  const length = file.readUInt32LE(at + 4);
  if (length < HEADER_BYTES || at + length > file.length) return undefined;
  const entry = file.subarray(at, at + length);
  if (entry.toString('latin1', EPOCH_AT, CHECKSUM_AT) !== epoch) return undefined;
  return checksum(entry).equals(entry.subarray(CHECKSUM_AT, COUNTS_AT)) ? entry : undefined;
}

function decodeEntry(entry: Buffer): JournalEntry {
  const metaEnd = HEADER_BYTES + entry.readUInt32LE(COUNTS_AT);
  const puts: [Buffer, Buffer][] = Array(entry.readUInt32LE(COUNTS_AT + 4));
  const removes: Buffer[] = Array(entry.readUInt32LE(COUNTS_AT + 8));
  let at = metaEnd;
  for (let i = 0; i < puts.length; i++) {
    const keyAt = at + PUT_BYTES;
    const valueAt = keyAt + entry.readUInt16LE(at);
    at = valueAt + entry.readUInt32LE(keyAt - 4);
    puts[i] = [entry.subarray(keyAt, valueAt), entry.subarray(valueAt, at)];
  }
  for (let i = 0; i < removes.length; i++) {
    const keyAt = at + REMOVE_BYTES;
    at = keyAt + entry.readUInt16LE(at);
    removes[i] = entry.subarray(keyAt, at);
  }
  const meta = decodeMeta(entry.subarray(HEADER_BYTES, metaEnd));
  return { number: numberOf(entry), puts, removes, meta };
}

function checksum(entry: Buffer): Buffer {
  const hash = createHash('sha256').update(entry.subarray(0, CHECKSUM_AT)).update(entry.subarray(COUNTS_AT));
  return hash.digest().subarray(0, CHECKSUM_BYTES);
}
