import sorted from 'sorted-btree';
import type { Changes } from './journal-entry.js';

/** A record that stands in a journal, or the mark that there is none any more. */
export interface PendingRecord {
  readonly key: Buffer;
  readonly value: Buffer | undefined;
}

/** Keys as byte strings: their order is that of their bytes. */
function inByteOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What the commits of one journal file have changed, newest first: it lies over what was there before. */
export class PendingRecords {
  private readonly records = new sorted.default<string, PendingRecord>(undefined, inByteOrder, 64);

  get size(): number {
    return this.records.size;
  }

  apply({ puts, removes }: Changes): void {
    for (const [name, key] of removes) this.records.set(name, { key, value: undefined });
    for (const [name, [key, value]] of puts) this.records.set(name, { key, value });
  }

  get(name: string): PendingRecord | undefined {
    return this.records.get(name);
  }

  /** The record at `start`, or the nearest one before it. */
  floor(start: string): PendingRecord | undefined {
    return this.records.getPairOrNextLower(start)?.[1];
  }

  /** All from `start` to before `end`, in order. */
  *ascending(start: string, end: string): Generator<PendingRecord> {
    for (const [name, record] of this.records.entries(start)) {
      if (name >= end) return;
      yield record;
    }
  }

  /** All from `start` down to behind `end`. */
  *descending(start: string, end: string): Generator<PendingRecord> {
    let pair = this.records.getPairOrNextLower(start);
    while (pair && pair[0] > end) {
      yield pair[1];
      pair = this.records.nextLowerPair(pair[0]);
    }
  }

  /** All of it, in order. */
  *all(): Generator<PendingRecord> {
    for (const [, record] of this.records.entries()) yield record;
  }
}

/**
 * `upper` laid over `lower`: where both have a key, `upper` says what stands there.
 *
 * @param direction 1 where both ascend, -1 where they descend
 */
export function* overlaid(
  upper: Iterable<PendingRecord>,
  lower: Iterable<PendingRecord>,
  direction: 1 | -1,
): Generator<PendingRecord> {
  const above = upper[Symbol.iterator]();
  let next = above.next();
  for (const record of lower) {
    let order = -1;
    while (!next.done && (order = direction * next.value.key.compare(record.key)) < 0) {
      yield next.value;
      next = above.next();
    }
    if (next.done || order !== 0) yield record;
  }
  for (; !next.done; next = above.next()) yield next.value;
}
