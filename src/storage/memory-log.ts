import type { PushedEvent } from '../notifier/event.js';
import type { Announcement, Head, LogExtent, Page, Since, StoredEvent } from '../notifier/event-log.js';
import { newEpoch, type Position } from '../notifier/position.js';
import type { Bounds } from './bounds.js';
import { PageDraft } from './page.js';
import type { Queue, Queued } from './queue.js';
import type { Place, TextArena, TextOwner } from './text-arena.js';

/** Of an event: its numbers, and what the arena knows of its text. */
const EVENT_BYTES = 88;
/** A log without its events: the object, its id, its array, its places in the indexes. */
const HEAD_BYTES = 512;

/** Of an event's numbers, which stands where. */
const ARRIVED = 0;
const CREATED_AT = 1;
const TAG = 2;
const PLACE = 3;
const LENGTH = 4;
/** How many they are. */
const NUMBERS = 5;

/** Of the events' numbers that are kept, those of this part may be of events that are gone. */
const MAX_GONE = 0.25;

/** What a push that is under way has brought a log. */
export type Unannounced = Announcement & { readonly events: StoredEvent[] };

/** One user's log in memory. */
export class MemoryLog implements TextOwner, Queued<MemoryLog> {
  readonly epoch = newEpoch();
  seq = 0;
  tag = 0;
  drops = 0;
  /** The hour and the serial number of the last append or drop; no hour before there was one. */
  pushedHour = Infinity;
  pushedSerial = 0;
  /** When it took its place among others, Unix milliseconds. */
  placedAt = -Infinity;
  /** Where the log stands among others, and between which. */
  queue: Queue<MemoryLog> | undefined;
  previous: MemoryLog | undefined;
  next: MemoryLog | undefined;
  /** What of the log is in the sums of all logs. */
  accountedBytes = 0;
  accountedHeadBytes = 0;
  accountedTrimmed = 0;
  /** The number of the newest event that is gone. */
  trimmedSeq = 0;
  private trimmedTag = 0;
  private textBytes = 0;
  /** Of each event from `firstSeq` on, those that are gone among them: flat, since an object an event is what the collector has to move. */
  private numbers: number[] = [];
  private firstSeq = 1;
  /** When the oldest event arrived, or before. */
  private oldestArrived = -Infinity;

  unannounced: Unannounced | undefined;

  constructor(
    readonly accessId: string,
    /** The store's serial number when the log began. */
    private readonly born: number,
    /** The highest `created_at` of all that is gone. */
    public trimmedCreatedAt: number,
    private readonly bounds: Bounds,
    private readonly arena: TextArena,
  ) {}

  get length(): number {
    return this.seq - this.trimmedSeq;
  }

  /** What the log costs, roughly: what is still kept of events that are gone with it. */
  get bytes(): number {
    return HEAD_BYTES + this.textBytes + (this.numbers.length / NUMBERS) * EVENT_BYTES;
  }

  append({ createdAt, text }: PushedEvent, tag: number, now: number): StoredEvent {
    const seq = ++this.seq;
    this.tag = tag;
    this.textBytes += text.length;
    const place = this.arena.add(text, this, seq);
    // An array that is pushed to makes room for 17.
    if (this.numbers.length === 0) this.numbers = [now, createdAt, tag, place, text.length];
    else this.numbers.push(now, createdAt, tag, place, text.length);
    const { bufferEvents, bufferBytes } = this.bounds;
    while (this.length > bufferEvents || this.textBytes > bufferBytes) this.trimOldest();
    return { seq, tag, createdAt, text };
  }

  /** Lets go of what is too old. @returns whether there was anything */
  expire(now: number): boolean {
    const oldestAllowed = now - this.bounds.bufferTtlMs;
    // Most often nothing need be looked at: what was not used for long is far away.
    if (this.oldestArrived >= oldestAllowed) return false;
    const before = this.trimmedSeq;
    while (this.length > 0 && this.arrivalOfOldest() < oldestAllowed) this.trimOldest();
    if (this.length > 0) this.oldestArrived = this.arrivalOfOldest();
    return this.trimmedSeq > before;
  }

  private arrivalOfOldest(): number {
    return this.number(this.trimmedSeq + 1, ARRIVED);
  }

  /** Lets go of all events. */
  clear(): void {
    while (this.length > 0) this.trimOldest();
  }

  private trimOldest(): void {
    const seq = ++this.trimmedSeq;
    const length = this.number(seq, LENGTH);
    const place = this.number(seq, PLACE);
    this.trimmedTag = this.number(seq, TAG);
    this.trimmedCreatedAt = Math.max(this.trimmedCreatedAt, this.number(seq, CREATED_AT));
    this.oldestArrived = this.number(seq, ARRIVED);
    this.textBytes -= length;
    this.forgetGone();
    this.arena.release(place, length);
  }

  /** Takes the numbers of what is gone out of the array, not each time, since the rest moves up. */
  private forgetGone(): void {
    const { numbers } = this;
    const gone = (this.trimmedSeq + 1 - this.firstSeq) * NUMBERS;
    if (gone <= numbers.length * MAX_GONE) return;
    if (gone === numbers.length) this.numbers = [];
    else numbers.splice(0, gone);
    this.firstSeq = this.trimmedSeq + 1;
  }

  holds(seq: number): boolean {
    return seq > this.trimmedSeq && seq <= this.seq;
  }

  moved(seq: number, place: Place): void {
    this.numbers[(seq - this.firstSeq) * NUMBERS + PLACE] = place;
  }

  head(): Head {
    const { epoch, seq, tag, trimmedSeq, trimmedTag, trimmedCreatedAt, drops, born, textBytes } = this;
    return { epoch, seq, tag, trimmedSeq, trimmedTag, trimmedCreatedAt, drops, born, bytes: textBytes };
  }

  /** The tag of event `seq`, if the log holds it. */
  tagAt(seq: number): number | undefined {
    return this.holds(seq) ? this.number(seq, TAG) : undefined;
  }

  /** One of the numbers of an event that the log holds. */
  private number(seq: number, which: number): number {
    return this.numbers[(seq - this.firstSeq) * NUMBERS + which]!;
  }

  private event(seq: number): StoredEvent {
    return {
      seq,
      tag: this.number(seq, TAG),
      createdAt: this.number(seq, CREATED_AT),
      text: this.arena.text(this.number(seq, PLACE), this.number(seq, LENGTH)),
    };
  }

  /** The page after `start`, a position that this log holds. */
  page(start: Position, maxBytes: number, since: Since | undefined): Page {
    const page = new PageDraft(this, start, maxBytes, since);
    for (let seq = start.seq + 1; seq <= this.seq; seq++) {
      if (!page.add(this.event(seq))) break;
    }
    return page.finished();
  }

  extent(): LogExtent {
    const { epoch, seq, tag, trimmedSeq, length } = this;
    const oldestTag = this.tagAt(trimmedSeq + 1);
    return {
      events: length,
      bytes: this.textBytes,
      oldest: oldestTag === undefined ? undefined : { epoch, seq: trimmedSeq + 1, tag: oldestTag },
      newest: oldestTag === undefined ? undefined : { epoch, seq, tag },
      trimmed: trimmedSeq,
      drops: this.drops,
    };
  }
}
