import { hourKey, readHourKey } from './keys.js';

/** Hours are 32-bit numbers. */
const ANY_HOUR = 0xffff_ffff;

/** The keys of the file, in order. */
interface SortedKeys {
  keysBefore(end: Buffer, limit: number): Iterable<Buffer>;
  keysBetween(start: Buffer, end: Buffer): Iterable<Buffer>;
}

/**
 * The logs by the hour of their last push, the oldest first. Within the first hour, each look goes on where the one before ended. Where all logs were
 * pushed to in this hour, those whose ids come first would otherwise go as soon as they are stored, and whoever looks for the next ones would pass over
 * all that have gone: 2.4 ms a push to a full store instead of 0.2.
 */
export class LogsByHour {
  private readonly lookedAt = new Map<boolean, Buffer>();

  constructor(private readonly file: SortedKeys) {}

  /** @param hasEvents those that have events, or those of which only the head is left */
  *oldestFirst(hasEvents: boolean): Generator<string> {
    for (const [start, end] of this.parts(hasEvents)) {
      for (const key of this.file.keysBetween(start, end)) {
        this.lookedAt.set(hasEvents, key);
        yield readHourKey(key).accessId;
      }
    }
  }

  private parts(hasEvents: boolean): (readonly [start: Buffer, end: Buffer])[] {
    const end = hourKey(hasEvents, ANY_HOUR, '');
    const [first] = this.file.keysBefore(end, 1);
    if (!first) return [];
    const next = hourKey(hasEvents, readHourKey(first).hour + 1, '');
    const last = this.lookedAt.get(hasEvents) ?? first;
    if (last.compare(first) <= 0 || last.compare(next) >= 0) return [[first, end]];
    return [
      [last, next],
      [first, last],
      [next, end],
    ];
  }
}
