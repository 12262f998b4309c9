import type { PushedEvent } from '../notifier/event.js';
import type { Head, LogExtent, Page, Since, StoredEvent } from '../notifier/event-log.js';
import { newEpoch, type Position } from '../notifier/position.js';
import type { Bounds } from './bounds.js';
import { LooseEvents, PackedEvents, type EventBlock, type HeldEvent } from './event-block.js';
import { PageDraft } from './page.js';

/** An object, its text's header and its place in the array; packed, it takes less. */
const EVENT_BYTES = 96;
/** A log without its events: the object, its id, its array, its places in the indexes. */
const HEAD_BYTES = 512;

/** Events of a block. Most logs hold fewer. */
const BLOCK = 32;
/** A block that was filled in this time is packed. */
const PACK_MS = 50;

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
  /** `BLOCK` events in each but the last; of the first, some may be gone. */
  private blocks: EventBlock[] = [];
  /** The memory of a block that is gone, for the next one: a log that is full allocates none. */
  private spare: Buffer | undefined;
  /** When the oldest event arrived, or before. */
  private oldestArrived = -Infinity;

  constructor(
    readonly accessId: string,
    /** The store's serial number when the log began. */
    private readonly born: number,
    /** The highest `created_at` of all that is gone. */
    public trimmedCreatedAt: number,
    private readonly bounds: Bounds,
  ) {}

  get length(): number {
    return this.seq - this.trimmedSeq;
  }

  /** What the log costs, roughly. */
  get bytes(): number {
    return HEAD_BYTES + this.textBytes + this.length * EVENT_BYTES;
  }

  append({ createdAt, text }: PushedEvent, tag: number, now: number): StoredEvent {
    const held: HeldEvent = { seq: ++this.seq, tag, createdAt, text, arrived: now };
    this.tag = tag;
    this.textBytes += text.length;
    this.add(held);
    const { bufferEvents, bufferBytes } = this.bounds;
    while (this.length > bufferEvents || this.textBytes > bufferBytes) this.trimOldest();
    return held;
  }

  private add(event: HeldEvent): void {
    const { blocks } = this;
    const last = blocks[blocks.length - 1];
    if (!(last instanceof LooseEvents) || last.events.length === BLOCK) this.begin(new LooseEvents(event));
    else if (last.events.push(event) === BLOCK) this.close(last);
  }

  private begin(block: LooseEvents): void {
    // An array that is pushed to makes room for 17.
    if (this.blocks.length > 0) this.blocks.push(block);
    else this.blocks = [block];
  }

  /** Packs a full block, unless some of it is gone already, or has been here for long. */
  private close({ firstSeq, events }: LooseEvents): void {
    if (firstSeq <= this.trimmedSeq) return;
    const held = events as HeldEvent[];
    if (held[0]!.arrived < held[BLOCK - 1]!.arrived - PACK_MS) return;
    this.blocks[this.blocks.length - 1] = new PackedEvents(held, this.spare);
    this.spare = undefined;
  }

  /** Lets go of what is too old. @returns whether there was anything */
  expire(now: number): boolean {
    const oldestAllowed = now - this.bounds.bufferTtlMs;
    // Most often nothing need be looked at: what was not used for long is far away.
    if (this.oldestArrived >= oldestAllowed) return false;
    const before = this.trimmedSeq;
    while (this.length > 0 && this.arrivalOfOldest() < oldestAllowed) this.trimOldest();
    if (this.length > 0) this.oldestArrived = this.arrivalOfOldest();
    this.spare = undefined;
    return this.trimmedSeq > before;
  }

  private arrivalOfOldest(): number {
    return this.blocks[0]!.arrived(this.trimmedSeq + 1);
  }

  /** Lets go of all events. */
  clear(): void {
    while (this.length > 0) this.trimOldest();
    this.spare = undefined;
  }

  private trimOldest(): void {
    const seq = ++this.trimmedSeq;
    const block = this.blocks[0]!;
    this.trimmedTag = block.tag(seq);
    this.trimmedCreatedAt = Math.max(this.trimmedCreatedAt, block.createdAt(seq));
    this.oldestArrived = block.arrived(seq);
    this.textBytes -= block.length(seq);
    if (block instanceof LooseEvents) block.forget(seq);
    const isLast = seq === block.firstSeq + BLOCK - 1 || seq === this.seq;
    if (!isLast) return;
    this.blocks.shift();
    if (block instanceof PackedEvents) this.spare = block.bytes;
  }

  head(): Head {
    const { epoch, seq, tag, trimmedSeq, trimmedTag, trimmedCreatedAt, drops, born, textBytes } = this;
    return { epoch, seq, tag, trimmedSeq, trimmedTag, trimmedCreatedAt, drops, born, bytes: textBytes };
  }

  /** The tag of event `seq`, if the log holds it. */
  tagAt(seq: number): number | undefined {
    const isHeld = seq > this.trimmedSeq && seq <= this.seq;
    return isHeld ? this.blockOf(seq).tag(seq) : undefined;
  }

  /** The block of an event that the log holds. */
  private blockOf(seq: number): EventBlock {
    return this.blocks[Math.floor((seq - this.blocks[0]!.firstSeq) / BLOCK)]!;
  }

  /** The page after `start`, a position that this log holds. */
  page(start: Position, maxBytes: number, since: Since | undefined): Page {
    const page = new PageDraft(this, start, maxBytes, since);
    for (let seq = start.seq + 1; seq <= this.seq; seq++) {
      if (!page.add(this.blockOf(seq).event(seq))) break;
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
