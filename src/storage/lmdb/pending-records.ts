import sorted from 'sorted-btree';
import type { JournaledCommit } from './journal-entry.js';
import { chunkKey } from './keys.js';

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
  private readonly logs = new Map<string, PendingLog>();
  private readonly others = new sorted.default<string, Place | undefined>(undefined, inByteOrder);

  apply({ changes, entry, valuesAt }: JournaledCommit): void {
    const entryIndex = this.entries.push(entry) - 1;
    for (const name of changes.removes.keys()) this.others.set(name, undefined);
    for (const { accessId, removed } of changes.chunks) {
      for (const seq of removed) this.logOf(accessId).remove(seq);
    }
    let i = 0;
    for (const [name, [, value]] of changes.puts) {
      const start = valuesAt[i++]!;
      this.others.set(name, { entry, start, end: start + value.length });
    }
    for (const { accessId, written } of changes.chunks) {
      for (const { firstSeq, bytes } of written) {
        this.logOf(accessId).put(firstSeq, entryIndex, valuesAt[i++]!, bytes);
      }
    }
  }

  private logOf(accessId: string): PendingLog {
    let log = this.logs.get(accessId);
    if (!log) this.logs.set(accessId, (log = new PendingLog(this.entries)));
    return log;
  }

  /** Of all but chunks. */
  get(name: string): { readonly value: Buffer | undefined } | undefined {
    return this.others.has(name) ? { value: valueAt(this.others.get(name)) } : undefined;
  }

  /** Of all but chunks: those from `start` to before `end`, in order. */
  *ascending(start: Buffer, end: Buffer): Generator<PendingRecord> {
    const last = end.toString('latin1');
    for (const [name, place] of this.others.entries(start.toString('latin1'))) {
      if (name >= last) return;
      yield { key: Buffer.from(name, 'latin1'), value: valueAt(place) };
    }
  }

  log(accessId: string): PendingLog | undefined {
    return this.logs.get(accessId);
  }

  /** All of it, each log's chunks together and in order. */
  *all(): Generator<PendingRecord> {
    for (const [accessId, log] of this.logs) {
      for (const { firstSeq, record } of log.ascending(0, Infinity)) {
        yield { key: chunkKey(accessId, firstSeq), value: record };
      }
    }
    for (const [name, place] of this.others.entries()) {
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
      numbers[at + ENTRY] = entry;
      numbers[at + START] = start;
      numbers[at + LENGTH] = length;
    }
  }

  remove(seq: number): void {
    this.put(seq, REMOVED, 0, 0);
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
