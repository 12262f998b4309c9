import type { PushedEvent } from '../notifier/event.js';
import type { Head, LogExtent, Page, Since, StoredEvent } from '../notifier/event-log.js';
import { newEpoch, type Position } from '../notifier/position.js';
import type { Bounds } from './bounds.js';
import { PageDraft } from './page.js';

interface HeldEvent extends StoredEvent {
  /** On the store's clock. */
  readonly arrived: number;
}

/** An object, its text's header and its place in the array. */
const EVENT_BYTES = 96;
/** A log without its events: the object, its id, its array, its places in the indexes. */
const HEAD_BYTES = 512;

/** One user's log in memory. */
export class MemoryLog {
  readonly epoch = newEpoch();
  seq = 0;
  tag = 0;
  drops = 0;
  /** The hour and the serial number of the last append or drop. */
  pushedHour = -1;
  pushedSerial = 0;
  /** What of the log is in the sums of all logs. */
  accountedBytes = 0;
  accountedHeadBytes = 0;
  accountedTrimmed = 0;
  /** The number of the newest event that is gone. */
  trimmedSeq = 0;
  private trimmedTag = 0;
  private textBytes = 0;
  /** Those before index `first` are gone. */
  private events: HeldEvent[] = [];
  private first = 0;

  constructor(
    readonly accessId: string,
    /** The store's serial number when the log began. */
    private readonly born: number,
    /** The highest `created_at` of all that is gone. */
    public trimmedCreatedAt: number,
    private readonly bounds: Bounds,
  ) {}

  get length(): number {
    return this.events.length - this.first;
  }

  /** What the log costs, roughly. */
  get bytes(): number {
    return HEAD_BYTES + this.textBytes + this.length * EVENT_BYTES;
  }

  append(event: PushedEvent, tag: number, now: number): StoredEvent {
    const { createdAt, text } = event;
    const held: HeldEvent = { seq: ++this.seq, tag, createdAt, text, arrived: now };
    this.tag = tag;
    this.events.push(held);
    this.textBytes += text.length;
    while (this.length > this.bounds.bufferEvents || this.textBytes > this.bounds.bufferBytes)
      this.trimOldest();
    return held;
  }

  /** Lets go of what is too old. @returns whether there was anything */
  expire(now: number): boolean {
    const oldestAllowed = now - this.bounds.bufferTtlMs;
    const before = this.trimmedSeq;
    while (this.length > 0 && this.events[this.first]!.arrived < oldestAllowed) this.trimOldest();
    return this.trimmedSeq > before;
  }

  /** Lets go of all events. */
  clear(): void {
    while (this.length > 0) this.trimOldest();
  }

  private trimOldest(): void {
    const oldest = this.events[this.first++]!;
    this.trimmedSeq = oldest.seq;
    this.trimmedTag = oldest.tag;
    this.trimmedCreatedAt = Math.max(this.trimmedCreatedAt, oldest.createdAt);
    this.textBytes -= oldest.text.length;
    // Moving the rest down once a doubling keeps a trim constant on average.
    if (this.first * 2 > this.events.length) {
      this.events = this.events.slice(this.first);
      this.first = 0;
    }
  }

  head(): Head {
    const { epoch, seq, tag, trimmedSeq, trimmedTag, trimmedCreatedAt, drops, born, textBytes } = this;
    return { epoch, seq, tag, trimmedSeq, trimmedTag, trimmedCreatedAt, drops, born, bytes: textBytes };
  }

  eventAt(seq: number): StoredEvent | undefined {
    return seq > this.trimmedSeq ? this.events[this.first + seq - this.trimmedSeq - 1] : undefined;
  }

  /** The page after `start`, a position that this log holds. */
  page(start: Position, maxBytes: number, since: Since | undefined): Page {
    const page = new PageDraft(this, start, maxBytes, since);
    for (let i = this.first + start.seq - this.trimmedSeq; i < this.events.length; i++) {
      if (!page.add(this.events[i]!)) break;
    }
    return page.finished();
  }

  extent(): LogExtent {
    const oldest = this.events[this.first];
    const id = (event: { seq: number; tag: number }) => ({
      epoch: this.epoch,
      seq: event.seq,
      tag: event.tag,
    });
    return {
      events: this.length,
      bytes: this.textBytes,
      oldest: oldest && id(oldest),
      newest: oldest && id(this),
      trimmed: this.trimmedSeq,
      drops: this.drops,
    };
  }
}
