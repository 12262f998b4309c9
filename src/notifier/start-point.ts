import type { Head, LogView, Since } from './event-log.js';
import { parsePosition, type Position } from './position.js';

/** Where a subscriber asks to begin. */
export interface StartRequest {
  /** The last event id that the client has handled; `null` or absent where it has handled none. */
  readonly lastEventId?: string | null;
  /** Begin with the events held whose `created_at` is at least this. */
  readonly timestamp?: number;
}

/** Where a subscription begins, and what may be missing there. */
export interface StartPoint {
  readonly position: Position;
  /** Which of the events held to skip. */
  readonly since: Since | undefined;
  /** The number of the newest event at the start: once it is passed, the head is reached. */
  readonly headSeq: number;
  /** False where events that were asked for may be gone. */
  readonly recovered: boolean;
  /** The user's drops when this was read: a higher number later means that the subscription is dropped. */
  readonly drops: number;
  /** The store's losses when this was read: a higher number later means that events may be gone. */
  readonly losses: number;
}

/** The position behind everything that the log has. */
export function newestPosition({ head, store }: LogView): Position {
  return head
    ? { epoch: head.epoch, seq: head.seq, tag: head.tag }
    : { epoch: store.epoch, seq: store.serial, tag: 0 };
}

/** The position before everything that the log still has. */
export function oldestPosition(view: LogView): Position {
  const { head } = view;
  return head ? { epoch: head.epoch, seq: head.trimmedSeq, tag: head.trimmedTag } : newestPosition(view);
}

/**
 * A position in the terms of the log as it is now, or `undefined` where events after it may be gone: it is unknown, or
 * what followed it is trimmed. The view must have been taken for the position's `seq`.
 */
export function resolvePosition(view: LogView, position: Position): Position | undefined {
  const { head, store } = view;
  if (head && position.epoch === head.epoch) {
    return isHeld(view, head, position) ? position : undefined;
  }
  // The place before the first event of a log that did not exist yet: nothing is missing if no log of this user can
  // have come and gone since, and the one that is there began later and still has its first event.
  if (position.epoch !== store.epoch || position.tag !== 0) return undefined;
  if (position.seq > store.serial || position.seq < store.forgottenSerial) return undefined;
  if (!head) return position;
  if (position.seq >= head.born || head.trimmedSeq > 0) return undefined;
  return { epoch: head.epoch, seq: 0, tag: 0 };
}

function isHeld(view: LogView, head: Head, { seq, tag }: Position): boolean {
  if (seq < head.trimmedSeq || seq > head.seq) return false;
  if (seq === head.trimmedSeq) return tag === head.trimmedTag;
  return tag === view.tag;
}

/** Where `request` begins in the log of `view`, which must have been taken for `requestedSeq(request)`. */
export function startPoint(view: LogView, request: StartRequest): StartPoint {
  const known = {
    headSeq: view.head?.seq ?? 0,
    drops: view.head?.drops ?? 0,
    losses: view.store.losses,
  };
  if (request.lastEventId != null) {
    const named = parsePosition(request.lastEventId);
    const position = named && resolvePosition(view, named);
    if (position) return { position, since: undefined, recovered: view.trusted, ...known };
    return { ...fromTimestamp(view, request.timestamp), recovered: false, ...known };
  }
  if (request.timestamp === undefined) {
    return { position: newestPosition(view), since: undefined, recovered: true, ...known };
  }
  const lost = view.head?.trimmedCreatedAt ?? view.store.forgottenCreatedAt;
  const recovered = request.timestamp > lost && !view.store.tailLost;
  return { ...fromTimestamp(view, request.timestamp), recovered, ...known };
}

/** The number of the event that `request` names, 0 where it names none. */
export function requestedSeq(request: StartRequest): number {
  return (request.lastEventId != null && parsePosition(request.lastEventId)?.seq) || 0;
}

function fromTimestamp(view: LogView, timestamp: number | undefined) {
  const since = timestamp === undefined ? undefined : { createdAt: timestamp, until: view.head?.seq ?? 0 };
  return { position: oldestPosition(view), since };
}
