import type { Arrival, Push } from './event.js';
import type { Position } from './position.js';

/** An event in its place in a log. Its id is the position made of its log's epoch, `seq` and `tag`. */
export interface StoredEvent {
  readonly seq: number;
  readonly tag: number;
  readonly createdAt: number;
  /** The delivered form without id, as a byte string. */
  readonly text: string;
}

/** What a log remembers of itself. It outlives the log's events by `NOTIFIER_HEAD_TTL`. */
export interface Head {
  readonly epoch: string;
  /** Number and tag of the newest event ever stored; 0 and 0 before the first. */
  readonly seq: number;
  readonly tag: number;
  /** Number and tag of the newest event that is gone (trimmed or expired); 0 and 0 where none is. */
  readonly trimmedSeq: number;
  readonly trimmedTag: number;
  /** The highest `created_at` of all that is gone, forgotten predecessors of this log included; -Infinity where none is. */
  readonly trimmedCreatedAt: number;
  /** How often the user was dropped. */
  readonly drops: number;
  /** The store's serial number at the append or drop with which the log began. */
  readonly born: number;
  /** Bytes of the texts held. */
  readonly bytes: number;
}

/** What a store remembers of all heads that it has forgotten. */
export interface StoreMemory {
  /** Names the store's data: data that was lost has another one. */
  readonly epoch: string;
  /** Grows with every append and drop. */
  readonly serial: number;
  /** The highest serial number of an append to a log whose head is forgotten; 0 where none is. */
  readonly forgottenSerial: number;
  /** The highest `created_at` of a log whose head is forgotten; -Infinity where none is. */
  readonly forgottenCreatedAt: number;
  /** Whether the store may have lost its newest events without a trace, less than `bufferTtlMs` ago. */
  readonly tailLost: boolean;
  /** How often it may have: a cursor that began before the last time may have missed what was lost. */
  readonly losses: number;
}

/** One consistent look at a log. */
export interface LogView {
  /** `undefined` where the store knows nothing of the user. */
  readonly head: Head | undefined;
  readonly store: StoreMemory;
  /** The tag of the event asked for; `undefined` where the log does not hold it. */
  readonly tag: number | undefined;
  /**
   * False for an event stored before the store may have lost its tail (a power loss with `NOTIFIER_SYNC=process`, a
   * failover): what followed it may be gone without a trace.
   */
  readonly trusted: boolean;
}

/** Which events to skip: those up to number `until` that are older than `createdAt`. */
export interface Since {
  readonly createdAt: number;
  readonly until: number;
}

/** Consecutive events of a log, as many as fit. */
export interface Page {
  /** The log's epoch, with which the events' ids begin. */
  readonly epoch: string;
  /** In log order; empty where nothing between the asked position and `end` qualifies. */
  readonly events: readonly StoredEvent[];
  /** The position just before the first of `events`; `end` where there is none. */
  readonly start: Position;
  /** Where the next page begins. */
  readonly end: Position;
  /** Whether `end` was the log's newest position when the page was read. */
  readonly reachedHead: boolean;
}

/** What came of an append. `conflict`: the idempotency key belongs to other events, nothing was stored. */
export type AppendResult = 'stored' | 'repeated' | 'conflict';

/** An append that is committed: a hint to look into the log, with what there is to see. */
export interface Announcement {
  readonly accessId: string;
  readonly epoch: string;
  /** Number and tag of the event before the first of `events`. */
  readonly previousSeq: number;
  readonly previousTag: number;
  /** Consecutive, at least one. */
  readonly events: readonly StoredEvent[];
  /** Of the push that brought the first of `events`, where it is known. */
  readonly arrival?: Arrival | undefined;
}

/** How much there is in a store, as far as it knows without asking anyone. For metrics. */
export interface StoreExtent {
  /** Bytes of all that is kept. */
  readonly bytes: number;
  /** Beyond so many bytes the least recently pushed logs go. */
  readonly maxBytes: number;
  /** Events that were trimmed, expired or made room since the store was opened; an event that is over counts once its room is freed. */
  readonly trimmed: number;
}

/** How much of a log there is, for people who ask why a user did not get something. */
export interface LogExtent {
  readonly events: number;
  readonly bytes: number;
  readonly oldest: Position | undefined;
  readonly newest: Position | undefined;
  readonly trimmed: number;
  readonly drops: number;
}

/** Where a cursor stands and what it knows of its log. */
export interface CursorState {
  readonly accessId: string;
  readonly position: Position;
  /** The user's drops that it has outlived. */
  readonly drops: number;
  /** The store's losses when it began. */
  readonly losses: number;
}

/** What a store says of many cursors at once. */
export interface Survey {
  /** Indexes of those that may not stand at their log's head. */
  readonly astray: readonly number[];
  /** How many more it cannot say anything of now. */
  readonly unknown: number;
}

/** Who is told what happens to the logs of users who are watched. All of it is a hint that may never come. */
export interface LogListener {
  /** Appends that are committed. */
  appended(announcements: readonly Announcement[]): void;
  /** A drop, on any node. */
  dropped(accessId: string, drops: number): void;
  /** Announcements of these users may have been missed: the log must be asked. */
  missed(accessIds: Iterable<string>): void;
}

/** The store cannot take or give it now: unreachable, full, too slow, broken. The cause is for the log, never for a client. */
export class StoreUnavailableError extends Error {
  override readonly name = 'StoreUnavailableError';
}

/**
 * PORT: the users' logs.
 *
 * **Order.** Each user's events are in the order in which `append` accepted them, those of one push in their order.
 * There is no other order, and every reader sees this one without holes.
 *
 * **Atomicity.** A push is stored whole or not at all, together with the claim of its idempotency key. (A cluster of
 * stores may say "whole for each partition"; a repeat under the key then completes it.)
 *
 * **Promise.** `append` and `drop` resolve when the store has done what it promises (`docs/protocol.md`, section 7), and
 * reject with `StoreUnavailableError` otherwise; after a rejection the push may or may not be stored, unless
 * the caller repeats it under its idempotency key. Nothing is announced or read before it is stored so.
 *
 * **Announcements** follow the commit, not the request, in log order for each user. They are hints: one that never
 * comes is made good by whoever compares positions.
 *
 * **Bounds.** A log holds the newest `bufferEvents` events of at most `bufferBytes`, none older than `bufferTtlMs` on
 * the store's clock, which never goes back. An event that is gone is gone for every reader at once: `read` never
 * steps over it in silence.
 *
 * **Ids** are stable: they survive a restart, and none ever names two events.
 */
export abstract class EventLog {
  /** For people: the start line names it. */
  abstract readonly name: string;

  /** Whether other nodes write to it too. */
  readonly isShared: boolean = false;

  /** @throws StoreUnavailableError */
  abstract append(push: Push): Promise<AppendResult>;

  /**
   * Adds one to the user's drops, in a log that begins with that where there is none.
   *
   * @returns the number of drops after it
   * @throws StoreUnavailableError
   */
  abstract drop(accessId: string): Promise<number>;

  /**
   * The head of a user's log and what must be known to judge a position in it.
   *
   * @param seq the number of the event whose tag is asked for
   * @throws StoreUnavailableError
   */
  abstract view(accessId: string, seq: number): Promise<LogView>;

  /**
   * The events after a position, at most `maxBytes` of text (one event is always returned, however large).
   *
   * @returns `undefined` where the position is not, or no longer, one of this log: events after it may be gone
   * @throws StoreUnavailableError
   */
  abstract read(
    accessId: string,
    after: Position,
    maxBytes: number,
    since: Since | undefined,
  ): Promise<Page | undefined>;

  /** @throws StoreUnavailableError */
  abstract extent(accessId: string): Promise<LogExtent>;

  /** How much there is in all; `undefined` where others share the store, and it has figures of its own. */
  storeExtent(): StoreExtent | undefined {
    return undefined;
  }

  /** Who is told of every append, and by a store whose other writers are elsewhere of drops and interruptions. One listener: the subscriptions of this node. */
  abstract listen(listener: LogListener): void;

  /**
   * Asks to be told of a user's log, once for each user. A store that announces all it does need not care.
   *
   * @returns once announcements come, or it is clear that they cannot come now
   */
  async watch(_accessId: string): Promise<void> {}

  /** Ends `watch`. */
  unwatch(_accessId: string): void {}

  /**
   * Which cursors may not stand at their log's head: hints whom to look at one by one. A store in this process may name
   * all, one that is far away asks once for all of them.
   *
   * @throws StoreUnavailableError where nothing can be said of any of them
   */
  async survey(cursors: readonly CursorState[]): Promise<Survey> {
    return { astray: [...cursors.keys()], unknown: 0 };
  }

  /** Since when the store has not answered, as `performance.now()` gives it; undefined while it does. */
  get silentSince(): number | undefined {
    return undefined;
  }

  /** Whether the store takes writes now. */
  abstract isReady(): boolean;

  /** Writes what waits, then lets go of everything. Whoever opened the log closes it. */
  abstract close(): Promise<void>;
}
