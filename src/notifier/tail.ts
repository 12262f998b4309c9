import type { Arrival } from './event.js';
import type { Announcement, StoredEvent } from './event-log.js';
import type { Form } from './connection.js';
import { Delivery, fitFrame, MAX_FRAME_BYTES } from './delivery.js';
import type { Position } from './position.js';

/** Four frames: what cursors on their way to the head may lag behind before they are sent to the log instead. */
const MAX_TAIL_BYTES = 1024 * 1024;

/** Of all tails that have no events: it is never added to. */
const NOTHING: Announcement[] = [];

/** The last version given to any tail. */
let lastVersion = 0;

/**
 * The newest events of one connected user, as announced: what a cursor near the head reads instead of the log. It is
 * emptied when no cursor needs it, when it grows too large, and when an announcement does not follow on what it
 * knows. Nothing is lost with it: the log has it all.
 */
export class Tail {
  /**
   * Grows with every announcement: whoever read the log meanwhile cannot say where the head is. No two tails have the same: a
   * user who left and came back has missed announcements in between.
   */
  version = ++lastVersion;
  private newest: Position | undefined;
  /** Tag of the event before the first of `events`. */
  private previousTag = 0;
  private events: StoredEvent[] = [];
  /** Whether `events` is this tail's own, to be added to; what was announced or delivered is not. */
  private owned = false;
  /** What `events` are made of, in order. */
  private announced = NOTHING;
  private bytes = 0;
  /** The last delivery made, and the index of its first event. */
  private shared: Delivery | undefined;
  private sharedFrom = 0;

  add(announcement: Announcement): void {
    const { epoch, previousSeq, previousTag, events } = announcement;
    this.version = ++lastVersion;
    if (!this.follows(epoch, previousSeq, previousTag)) this.clear();
    if (this.events.length === 0) {
      this.events = events as StoredEvent[];
      this.previousTag = previousTag;
      this.announced = [announcement];
    } else {
      if (!this.owned) this.events = [...this.events];
      this.owned = true;
      for (const event of events) this.events.push(event);
      this.announced.push(announcement);
    }
    for (const event of events) this.bytes += event.text.length;
    const last = events[events.length - 1]!;
    this.newest = { epoch, seq: last.seq, tag: last.tag };
    if (this.bytes > MAX_TAIL_BYTES) this.clear();
  }

  private follows(epoch: string, seq: number, tag: number): boolean {
    const { newest } = this;
    return newest !== undefined && newest.seq === seq && newest.tag === tag && newest.epoch === epoch;
  }

  /** Lets go of the events; where the head is stays known. */
  clear(): void {
    if (this.events.length === 0) return;
    this.events = [];
    this.owned = false;
    this.announced = NOTHING;
    this.bytes = 0;
    this.shared = undefined;
  }

  /** Believes nothing that was announced so far: only the log can tell where the head is. */
  forget(): void {
    this.clear();
    this.newest = undefined;
  }

  /** Takes the log's word for where the head is. To be called only if nothing was announced since the log was asked. */
  learn(newest: Position): void {
    this.clear();
    this.newest = newest;
  }

  /** Whether `position` is the newest one known: there is nothing more to send. */
  isNewest(position: Position): boolean {
    return position === this.newest || this.follows(position.epoch, position.seq, position.tag);
  }

  /** Whether there is as much in it as a frame holds. */
  get fillsFrame(): boolean {
    return this.bytes >= MAX_FRAME_BYTES;
  }

  /** The next frame after `position`, or `undefined` where only the log can tell. */
  deliveryAfter(position: Position, form: Form): Delivery | undefined {
    const from = this.indexAfter(position);
    if (from === undefined) return undefined;
    if (this.shared?.form === form && this.sharedFrom === from) return this.shared;
    const arrival = this.arrivalOf(position.seq + 1);
    const events = this.frameFrom(from);
    const end = from + events.length === this.events.length ? this.newest : undefined;
    const delivery = new Delivery(form, position.epoch, events, arrival, end);
    this.shared = delivery;
    this.sharedFrom = from;
    return delivery;
  }

  private indexAfter({ epoch, seq, tag }: Position): number | undefined {
    const first = this.events[0];
    if (!first || epoch !== this.newest?.epoch) return undefined;
    const index = seq + 1 - first.seq;
    if (index < 0 || index >= this.events.length) return undefined;
    // A number proves nothing: after a failover, numbers repeat with other tags.
    const knownTag = index === 0 ? this.previousTag : this.events[index - 1]!.tag;
    return knownTag === tag ? index : undefined;
  }

  private arrivalOf(seq: number): Arrival | undefined {
    const { announced } = this;
    // Nearly always there is one announcement: `findLast` and its function cost fanout-100 1.08 of the time (six interleaved pairs).
    let i = announced.length - 1;
    while (i > 0 && announced[i]!.previousSeq >= seq) i--;
    return announced[i]!.arrival;
  }

  private frameFrom(from: number): readonly StoredEvent[] {
    const count = fitFrame(this.events, from);
    if (from > 0 || count < this.events.length) return this.events.slice(from, from + count);
    this.owned = false;
    return this.events;
  }
}
