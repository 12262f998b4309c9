import { createHash } from 'node:crypto';
import { decodeMeta, encodeMeta, type Meta } from './meta.js';

/** What one commit changes. */
export interface Changes {
  readonly puts: ReadonlyMap<string, readonly [key: Buffer, value: Buffer]>;
  readonly removes: ReadonlyMap<string, Buffer>;
}

/** A commit with its entry in the journal. */
export interface JournaledCommit {
  readonly changes: Changes;
  /** The file's state after it. */
  readonly meta: Meta;
  readonly entry: Buffer;
  /** Where in the entry the values of `changes.puts` stand, in their order. */
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

/** @param meta the file's state after the commit, whose number it names */
export function encodeEntry(changes: Changes, meta: Meta): JournaledCommit {
  const { puts, removes } = changes;
  const metaRecord = encodeMeta(meta);
  let length = HEADER_BYTES + metaRecord.length;
  for (const [key, value] of puts.values()) length += 6 + key.length + value.length;
  for (const key of removes.values()) length += 2 + key.length;
  // Not out of Node's pool: it stays for as long as the journal, and 8 KiB of others' bytes would stay with it.
  const entry = Buffer.allocUnsafeSlow(length);
  entry.writeUInt32LE(MAGIC, 0);
  entry.writeUInt32LE(length, 4);
  entry.writeUIntLE(meta.commit, 8, 6);
  entry.write(meta.epoch, EPOCH_AT, 8, 'latin1');
  entry.writeUInt32LE(metaRecord.length, COUNTS_AT);
  entry.writeUInt32LE(puts.size, COUNTS_AT + 4);
  entry.writeUInt32LE(removes.size, COUNTS_AT + 8);
  let at = HEADER_BYTES + metaRecord.copy(entry, HEADER_BYTES);
  const valuesAt: number[] = [];
  for (const [key, value] of puts.values()) {
    entry.writeUInt16LE(key.length, at);
    entry.writeUInt32LE(value.length, at + 2);
    at += 6 + key.copy(entry, at + 6);
    valuesAt.push(at);
    at += value.copy(entry, at);
  }
  for (const key of removes.values()) {
    entry.writeUInt16LE(key.length, at);
    at += 2 + key.copy(entry, at + 2);
  }
  checksum(entry).copy(entry, CHECKSUM_AT);
  return { changes, meta, entry, valuesAt };
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
    const keyAt = at + 6;
    const valueAt = keyAt + entry.readUInt16LE(at);
    at = valueAt + entry.readUInt32LE(keyAt - 4);
    puts[i] = [entry.subarray(keyAt, valueAt), entry.subarray(valueAt, at)];
  }
  for (let i = 0; i < removes.length; i++) {
    const keyAt = at + 2;
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
