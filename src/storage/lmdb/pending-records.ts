import sorted from 'sorted-btree';
import type { JournaledCommit, JournalEntry } from './journal-entry.js';
import { idOfChunkKey, isChunkKey, seqOfChunkKey } from './keys.js';
import type { ChunkRecord } from './pack.js';

/** A record that stands in a journal, or the mark that there is none any more. */
export interface PendingRecord {
  readonly key: Buffer;
  readonly value: Buffer | undefined;
}

/** As a chunk of a log, found by its number. */
export interface PendingChunk {
  readonly firstSeq: number;
  readonly record: Buffer | undefined;
}

/** Where a value stands in an entry of the journal. */
interface Place {
  readonly entry: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Keys as byte strings: their order is that of their bytes. */
function inByteOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What the commits of one journal file have changed: it lies over what was there before. */
export class PendingRecords {
  private readonly entries: Buffer[] = [];
  private readonly logsById = new Map<string, PendingLog>();
  private readonly places = new sorted.default<string, Place | undefined>(undefined, inByteOrder);

  apply({ changes, entry, valuesAt }: JournaledCommit): void {
    const entryIndex = this.entries.push(entry) - 1;
    for (const name of changes.removes.keys()) this.places.set(name, undefined);
    for (const { accessId, removed } of changes.chunks) {
      for (const seq of removed) this.logOf(accessId).remove(seq);
    }
    let i = 0;
    for (const [name, [, value]] of changes.puts) {
      const start = valuesAt[i++]!;
      this.places.set(name, { entry, start, end: start + value.length });
    }
    for (const { accessId, written } of changes.chunks) {
      for (const { firstSeq, bytes } of written) {
        this.logOf(accessId).put(firstSeq, entryIndex, valuesAt[i++]!, bytes);
      }
    }
  }

  /** As `apply`, of a commit that was read from a journal. */
  add({ puts, removes }: JournalEntry): void {
    for (const key of removes) {
      if (isChunkKey(key)) this.logOf(idOfChunkKey(key)).remove(seqOfChunkKey(key));
      else this.places.set(key.toString('latin1'), undefined);
    }
    for (const [key, value] of puts) {
      if (isChunkKey(key)) {
        const entryIndex = this.entries.push(value) - 1;
        this.logOf(idOfChunkKey(key)).put(seqOfChunkKey(key), entryIndex, 0, value.length);
      } else this.places.set(key.toString('latin1'), { entry: value, start: 0, end: value.length });
    }
  }

  private logOf(accessId: string): PendingLog {
    let log = this.logsById.get(accessId);
    if (!log) this.logsById.set(accessId, (log = new PendingLog(this.entries)));
    return log;
  }

  /** Of all but chunks. */
  get(name: string): { readonly value: Buffer | undefined } | undefined {
    return this.places.has(name) ? { value: valueAt(this.places.get(name)) } : undefined;
  }

  /** Of all but chunks: those from `start` to before `end`, in order. */
  *ascending(start: Buffer, end: Buffer): Generator<PendingRecord> {
    const last = end.toString('latin1');
    for (const [name, place] of this.places.entries(start.toString('latin1'))) {
      if (name >= last) return;
      yield { key: Buffer.from(name, 'latin1'), value: valueAt(place) };
    }
  }

  log(accessId: string): PendingLog | undefined {
    return this.logsById.get(accessId);
  }

  logs(): Iterable<readonly [accessId: string, log: PendingLog]> {
    return this.logsById;
  }

  /** All but chunks, in order. */
  *others(): Generator<PendingRecord> {
    for (const [name, place] of this.places.entries()) {
      yield { key: Buffer.from(name, 'latin1'), value: valueAt(place) };
    }
  }
}

/** Of a chunk's numbers, which stands where. */
const SEQ = 0;
const ENTRY = 1;
const START = 2;
const LENGTH = 3;
/** How many they are. */
const NUMBERS = 4;

/** In place of the index of an entry, of a chunk that was taken out. */
const REMOVED = -1;

/** The chunks of one log that stand in a journal. */
export class PendingLog {
  /**
   * Of each chunk: its number, and where its record stands. Ascending; new chunks nearly always come at the end. Flat: they stay until the tree has
   * them, and an object each would be most of what the garbage collector has to move.
   */
  private numbers: number[] = [];
  /** Whether a chunk stands where another was taken out, which the tree may have, and others behind it. */
  replaces = false;

  /** @param entries of the journal, in which the records stand */
  constructor(private readonly entries: readonly Buffer[]) {}

  put(seq: number, entry: number, start: number, length: number): void {
    const { numbers } = this;
    const i = this.firstFrom(seq);
    const at = i * NUMBERS;
    // An array that is pushed to makes room for 17.
    if (numbers.length === 0) this.numbers = [seq, entry, start, length];
    else if (i === this.count) numbers.push(seq, entry, start, length);
    else if (this.seqAt(i) > seq) numbers.splice(at, 0, seq, entry, start, length);
    else {
      this.replaces ||= entry !== REMOVED && this.isRemoved(i);
      numbers[at + ENTRY] = entry;
      numbers[at + START] = start;
      numbers[at + LENGTH] = length;
    }
  }

  remove(seq: number): void {
    this.put(seq, REMOVED, 0, 0);
  }

  /** The number of the last chunk that was taken out, and not put anew. */
  get lastRemoved(): number | undefined {
    for (let i = this.count - 1; i >= 0; i--) if (this.isRemoved(i)) return this.seqAt(i);
    return undefined;
  }

  /** The number of the first chunk that was put, and not taken out. */
  get firstKept(): number | undefined {
    for (let i = 0; i < this.count; i++) if (!this.isRemoved(i)) return this.seqAt(i);
    return undefined;
  }

  /** Whether it has something to say about the chunk at `seq`. */
  has(seq: number): boolean {
    const i = this.firstFrom(seq);
    return i < this.count && this.seqAt(i) === seq;
  }

  /** The chunk at `seq`, or the nearest one before it. */
  floor(seq: number): PendingChunk | undefined {
    const i = this.firstFrom(seq + 1) - 1;
    return i < 0 ? undefined : this.chunk(i);
  }

  /** Those that were put, and not taken out again, in order. */
  *kept(): Generator<ChunkRecord> {
    for (const { firstSeq, record } of this.ascending(0, Infinity)) if (record) yield { firstSeq, record };
  }

  /** From `fromSeq` to before `endSeq`. */
  *ascending(fromSeq: number, endSeq: number): Generator<PendingChunk> {
    for (let i = this.firstFrom(fromSeq); i < this.count && this.seqAt(i) < endSeq; i++) yield this.chunk(i);
  }

  /** From `fromSeq` down. */
  *descending(fromSeq: number): Generator<PendingChunk> {
    for (let i = this.firstFrom(fromSeq + 1) - 1; i >= 0; i--) yield this.chunk(i);
  }

  private get count(): number {
    return this.numbers.length / NUMBERS;
  }

  private seqAt(i: number): number {
    return this.numbers[i * NUMBERS + SEQ]!;
  }

  private isRemoved(i: number): boolean {
    return this.numbers[i * NUMBERS + ENTRY] === REMOVED;
  }

  private chunk(i: number): PendingChunk {
    const { numbers } = this;
    const at = i * NUMBERS;
    const firstSeq = numbers[at + SEQ]!;
    const entry = numbers[at + ENTRY]!;
    if (entry === REMOVED) return { firstSeq, record: undefined };
    const start = numbers[at + START]!;
    return { firstSeq, record: this.entries[entry]!.subarray(start, start + numbers[at + LENGTH]!) };
  }

  /** The index of the first chunk at `seq` or behind it. */
  private firstFrom(seq: number): number {
    let [low, high] = [0, this.count];
    if (high === 0 || this.seqAt(high - 1) < seq) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.seqAt(middle) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function valueAt(place: Place | undefined): Buffer | undefined {
  return place?.entry.subarray(place.start, place.end);
}

/**
 * `upper` laid over `lower`: where both have something in one place, `upper` says what it is.
 *
 * @param order of two places in the direction in which both go: negative where the first comes first
 */
export function* overlaid<T>(
  upper: Iterable<T>,
  lower: Iterable<T>,
  order: (a: T, b: T) => number,
): Generator<T> {
  const above = upper[Symbol.iterator]();
  let next = above.next();
  for (const record of lower) {
    let standing = -1;
    while (!next.done && (standing = order(next.value, record)) < 0) {
      yield next.value;
      next = above.next();
    }
    if (next.done || standing !== 0) yield record;
  }
  for (; !next.done; next = above.next()) yield next.value;
}
