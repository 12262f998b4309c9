import { framedBytes } from '../notifier/delivery.js';
import type { Page, Since, StoredEvent } from '../notifier/event-log.js';
import type { Position } from '../notifier/position.js';

/** The log of which a page is made. */
interface Log {
  readonly epoch: string;
  /** The number of its newest event. */
  readonly seq: number;
}

/** A page in the making: it is given the log's events one by one, and says when it has enough. */
export class PageDraft {
  private readonly events: StoredEvent[] = [];
  private before: StoredEvent | undefined;
  private last: StoredEvent | undefined;
  private bytes = 0;

  /**
   * @param start a position that the log holds: the events after it are to be added, in order
   * @param maxBytes of the events as they stand in a frame; the first one always fits
   */
  constructor(
    private readonly log: Log,
    private readonly start: Position,
    private readonly maxBytes: number,
    private readonly since: Since | undefined,
  ) {}

  /** @returns whether there was room for the event; nothing may be added after it if not */
  add(event: StoredEvent): boolean {
    const { since } = this;
    if (!since || event.createdAt >= since.createdAt || event.seq > since.until) {
      this.bytes += framedBytes(event);
      if (this.bytes > this.maxBytes && this.events.length > 0) return false;
      this.events.push(event);
    } else if (this.events.length === 0) this.before = event;
    this.last = event;
    return true;
  }

  finished(): Page {
    const { epoch, seq } = this.log;
    const { events, start, before, last } = this;
    const end = last ? { epoch, seq: last.seq, tag: last.tag } : start;
    return {
      epoch,
      events,
      start: before ? { epoch, seq: before.seq, tag: before.tag } : start,
      end,
      reachedHead: end.seq === seq,
    };
  }
}
