import type { Announcement, EventLog, StoredEvent } from '../../src/notifier/event-log.js';
import type { Bounds, Clock } from '../../src/storage/bounds.js';
import { onAppended } from '../support/on-appended.js';
import { Waiters } from '../support/wait.js';

/** One opened store, with a place of its own for its data. */
export interface EventLogHarness {
  readonly log: EventLog;
  /** Closes the log and opens it again on the same data; absent where the data go with the process. */
  reopen?(): Promise<EventLog>;
  /** Closes the log and takes its data away; does nothing more when called again. */
  close(): Promise<void>;
  /** Asks for a user's announcements, where a store sends only those that it was asked for. */
  follow?(accessId: string): Promise<void>;
}

/**
 * Opens an empty store.
 *
 * @param bounds what differs from `DEFAULT_BOUNDS`
 * @param clock the system's clock, which may go back; the store's must not. The system's own where it is absent
 */
export type OpenEventLog = (
  bounds?: Partial<Bounds>,
  clock?: Clock,
) => EventLogHarness | Promise<EventLogHarness>;

/** What a store cannot be asked for: such tests are not its tests. */
export interface Capabilities {
  /** Whether the store's time is the given clock's. */
  readonly manualClock: boolean;
  /** Whether `totalBytes` bounds the store. */
  readonly totalBytes: boolean;
  /** How many random histories the store is led through. */
  readonly histories: number;
}

/** In place of `it` for what the store cannot be asked for. */
export function leftOut(_name: string, _test: () => Promise<void>, _timeoutMs?: number): void {}

export const ALL_CAPABILITIES: Capabilities = { manualClock: true, totalBytes: true, histories: 200 };

export const DEFAULT_BOUNDS: Bounds = {
  bufferEvents: 1000,
  bufferBytes: 4 * 1024 * 1024,
  bufferTtlMs: 86_400_000,
  totalBytes: 1024 ** 3,
  headTtlMs: 30 * 86_400_000,
  idempotencyTtlMs: 600_000,
};

/** What each part of the contract is given. */
export interface Suite {
  /** As `OpenEventLog`; what it opens is closed after the test. */
  readonly open: (bounds?: Partial<Bounds>, clock?: Clock) => Promise<EventLogHarness>;
  readonly can: Capabilities;
}

/** A clock that goes where the test sends it. */
export class ManualClock {
  /** Unix milliseconds, on the hour. */
  now = 1_800_000_000_000;
  readonly read: Clock = () => this.now;

  advance(ms: number): void {
    this.now += ms;
  }
}

/** Everything that a store has announced. */
export class Announcements {
  readonly all: Announcement[] = [];
  private readonly waiters = new Waiters();

  /** Listens to the log, and asks for the announcements of `users` where they must be asked for. */
  static async of(harness: EventLogHarness, ...users: string[]): Promise<Announcements> {
    const announcements = new Announcements();
    announcements.listenTo(harness.log);
    for (const user of users) await harness.follow?.(user);
    return announcements;
  }

  listenTo(log: EventLog): void {
    log.listen(onAppended((news) => this.hear(news)));
  }

  hear(news: readonly Announcement[]): void {
    this.all.push(...news);
    this.waiters.changed();
  }

  for(accessId: string): Announcement[] {
    return this.all.filter((announcement) => announcement.accessId === accessId);
  }

  /** The users' announced events, in the order in which they were announced. */
  get events(): StoredEvent[] {
    return this.all.flatMap(({ events }) => events);
  }

  /** Resolves once so many events have been announced. */
  ofEvents(expected: number): Promise<void> {
    return this.waiters.until(
      () => this.events.length >= expected,
      () => `${this.events.length} of ${expected} events announced`,
    );
  }
}
