import type { Arrival } from './event.js';
import type { StoredEvent } from './event-log.js';
import type { Form } from './connection.js';
import type { Position } from './position.js';

/**
 * Events on their way to connections of one user in one form. Connections at the same position share it, and with it
 * the bytes: 1,000 connections of a user cost one encoding.
 */
export class Delivery {
  /** What the edge of this form writes to the socket, once it has been encoded. */
  encoded: Buffer | undefined;

  constructor(
    readonly form: Form,
    readonly epoch: string,
    /** Consecutive in the log but for those skipped; at least one. */
    readonly events: readonly StoredEvent[],
    /** Of the first of `events`, where they are delivered as they were announced. */
    readonly arrival?: Arrival,
    /** The position of a connection that has got it. */
    readonly end: Position = positionOf(epoch, events[events.length - 1]!),
  ) {}
}

function positionOf(epoch: string, { seq, tag }: StoredEvent): Position {
  return { epoch, seq, tag };
}

/**
 * Bytes of a frame: small enough that a slow reader costs little and a fast one does not wait for it, large enough that
 * a replay is no flood of frames (256 KiB at 280 bytes an event: 900 events).
 */
export const MAX_FRAME_BYTES = 256 * 1024;

/** `{"id":"` + epoch (8) + two dots + number (16) + tag (7) + `",` + the comma between events, rounded up. */
const ID_BYTES = 48;

/** Bytes that an event takes in a frame, at most. */
export function framedBytes(event: StoredEvent): number {
  return event.text.length + ID_BYTES;
}

/** How many of `events`, from index `from`, fit into one frame: at least one. */
export function fitFrame(events: readonly StoredEvent[], from: number): number {
  let bytes = 0;
  let count = 0;
  for (let i = from; i < events.length; i++) {
    bytes += framedBytes(events[i]!);
    if (bytes > MAX_FRAME_BYTES && count > 0) break;
    count++;
  }
  return count;
}
