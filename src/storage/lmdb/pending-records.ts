import sorted from 'sorted-btree';
import type { JournaledCommit } from './journal-entry.js';
import { isChunkKey, keyOfChunk, logOfChunkKey, seqOfChunkKey } from './keys.js';

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

/**
 * Where a value stands in an entry of the journal. All that one commit brought shares the entry's buffer: views of their own, kept until
 * the tree has them, would be most of what the garbage collector has to move.
 */
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
  private readonly logs = new Map<string, PendingLog>();
  private readonly others = new sorted.default<string, Place | undefined>(undefined, inByteOrder);

  apply({ changes, entry, valuesAt }: JournaledCommit): void {
    for (const [name, key] of changes.removes) this.set(name, key, undefined);
    let i = 0;
    for (const [name, [key, value]] of changes.puts) {
      const start = valuesAt[i++]!;
      this.set(name, key, { entry, start, end: start + value.length });
    }
  }

  private set(name: string, key: Buffer, place: Place | undefined): void {
    if (!isChunkKey(key)) return void this.others.set(name, place);
    const logName = logOfChunkKey(name);
    let log = this.logs.get(logName);
    if (!log) this.logs.set(logName, (log = new PendingLog()));
    log.set(seqOfChunkKey(key), place);
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

  /** The log whose chunks' keys begin with `name`. */
  log(name: string): PendingLog | undefined {
    return this.logs.get(name);
  }

  /** All of it, each log's chunks together and in order. */
  *all(): Generator<PendingRecord> {
    for (const [name, log] of this.logs) {
      for (const { firstSeq, record } of log.ascending(0, Infinity)) {
        yield { key: keyOfChunk(name, firstSeq), value: record };
      }
    }
    for (const [name, place] of this.others.entries()) {
      yield { key: Buffer.from(name, 'latin1'), value: valueAt(place) };
    }
  }
}

/** The chunks of one log that stand in a journal. */
export class PendingLog {
  /** Ascending. New chunks nearly always come at the end. */
  private readonly seqs: number[] = [];
  private readonly places: (Place | undefined)[] = [];

  set(seq: number, place: Place | undefined): void {
    const i = this.firstFrom(seq);
    if (this.seqs[i] === seq) this.places[i] = place;
    else if (i === this.seqs.length) {
      this.seqs.push(seq);
      this.places.push(place);
    } else {
      this.seqs.splice(i, 0, seq);
      this.places.splice(i, 0, place);
    }
  }

  /** Whether it has something to say about the chunk at `seq`. */
  has(seq: number): boolean {
    return this.seqs[this.firstFrom(seq)] === seq;
  }

  /** The chunk at `seq`, or the nearest one before it. */
  floor(seq: number): PendingChunk | undefined {
    const i = this.firstFrom(seq + 1) - 1;
    return i < 0 ? undefined : this.chunk(i);
  }

  /** From `fromSeq` to before `endSeq`. */
  *ascending(fromSeq: number, endSeq: number): Generator<PendingChunk> {
    for (let i = this.firstFrom(fromSeq); i < this.seqs.length && this.seqs[i]! < endSeq; i++) {
      yield this.chunk(i);
    }
  }

  /** From `fromSeq` down. */
  *descending(fromSeq: number): Generator<PendingChunk> {
    for (let i = this.firstFrom(fromSeq + 1) - 1; i >= 0; i--) yield this.chunk(i);
  }

  private chunk(i: number): PendingChunk {
    return { firstSeq: this.seqs[i]!, record: valueAt(this.places[i]) };
  }

  /** The index of the first chunk at `seq` or behind it. */
  private firstFrom(seq: number): number {
    const { seqs } = this;
    let [low, high] = [0, seqs.length];
    if (high === 0 || seqs[high - 1]! < seq) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (seqs[middle]! < seq) low = middle + 1;
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
