import { framedBytes } from '../notifier/delivery.js';
import type { Page, Since, StoredEvent } from '../notifier/event-log.js';
import type { Position } from '../notifier/position.js';

/** The log of which a page is made. */
interface Log {
  readonly epoch: string;
  /** The number of its newest event. */
  readonly seq: number;
}

/**
 * The page after `start`, a position that the log holds.
 *
 * @param following the log's events after `start`, in order; taken only as far as the page goes
 * @param maxBytes of the events as they stand in a frame; the first one always fits
 */
export function pageOf(
  { epoch, seq }: Log,
  start: Position,
  following: Iterable<StoredEvent>,
  maxBytes: number,
  since: Since | undefined,
): Page {
  const events: StoredEvent[] = [];
  let before: StoredEvent | undefined;
  let last: StoredEvent | undefined;
  let bytes = 0;
  for (const event of following) {
    if (!since || event.createdAt >= since.createdAt || event.seq > since.until) {
      bytes += framedBytes(event);
      if (bytes > maxBytes && events.length > 0) break;
      events.push(event);
    } else if (events.length === 0) before = event;
    last = event;
  }
  const end = last ? { epoch, seq: last.seq, tag: last.tag } : start;
  return {
    epoch,
    events,
    start: before ? { epoch, seq: before.seq, tag: before.tag } : start,
    end,
    reachedHead: end.seq === seq,
  };
}
