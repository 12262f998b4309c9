import { Injectable } from '@nestjs/common';
import { MAX_FRAME_BYTES } from './delivery.js';
import type { Push } from './event.js';
import {
  EventLog,
  type AppendResult,
  type Head,
  type Page,
  type Since,
  type StoredEvent,
  StoreUnavailableError,
} from './event-log.js';
import { Metrics } from './metrics.js';
import { formatPosition, type Position } from './position.js';
import { newestPosition, requestedSeq, resolvePosition, startPoint } from './start-point.js';
import type { StartPoint, StartRequest } from './start-point.js';

/** A log is trimmed between two reads of the same turn very rarely; where it is so this often, something is wrong with the store. */
const MAX_LOOKS = 10;

/** How a position stands to its log: nothing has come, something has, or events after it may be gone. */
export interface PositionState {
  readonly standing: 'current' | 'behind' | 'gone';
  readonly drops: number;
}

/** Where a subscription begins, and the first page from there; no page where the log has nothing for it yet. */
export interface Start extends StartPoint {
  readonly page: Page | undefined;
}

/** A count of a user's drops. Those of different losses are not to be compared. */
export interface DropCount {
  readonly drops: number;
  readonly losses: number;
}

/** What one look at a log may bring into memory, as far as its mean event tells. */
const MAX_SLICE_BYTES = 1024 * 1024;

/** Consecutive events of a log, for people who look at it. */
export interface LogSlice {
  /** Of the log: its events' ids begin with it. */
  readonly epoch: string;
  /** Numbers of the oldest event that the log holds and of the newest one it ever had; oldest is above newest where it holds none. */
  readonly oldest: number;
  readonly newest: number;
  readonly events: readonly StoredEvent[];
}

/** The users' buffered events: what connectors push and cursors read. */
@Injectable()
export class EventBufferService {
  private readonly pagesInReading = new Map<string, Promise<Page | undefined>>();

  constructor(
    private readonly log: EventLog,
    private readonly metrics: Metrics,
  ) {}

  /**
   * Stores a push, whole or not at all.
   *
   * @throws StoreUnavailableError: it may or may not have been stored
   */
  async push(push: Push): Promise<AppendResult> {
    const begun = performance.now();
    try {
      const result = await this.log.append(push);
      this.metrics.appended(push, result, performance.now() - begun);
      return result;
    } catch (error) {
      this.metrics.appendFailed(push);
      throw error;
    }
  }

  /** How often the user was dropped, and under which of the store's losses: what was lost is counted anew. */
  async drops(accessId: string): Promise<DropCount> {
    const { head, store } = await this.log.view(accessId, 0);
    return { drops: head?.drops ?? 0, losses: store.losses };
  }

  /**
   * Where a subscription begins: at the position just before the first event that qualifies. With the page from there, so that what is
   * found cannot be trimmed any more: a log that is full and busy is, at its oldest position, between any two looks.
   *
   * @param asOf as of `page`
   * @throws StoreUnavailableError
   */
  async start(accessId: string, request: StartRequest, asOf: number): Promise<Start> {
    for (let look = 0; look < MAX_LOOKS; look++) {
      const start = startPoint(await this.log.view(accessId, requestedSeq(request)), request);
      if (start.position.seq >= start.headSeq) return { ...start, page: undefined };
      const page = await this.firstPage(accessId, start, asOf);
      // A read that had begun before the look, for another, may end before what the look has seen.
      const isStale = page?.reachedHead && page.end.seq < start.headSeq;
      if (page && !isStale) return { ...start, position: page.start, page };
      // Or the log was trimmed between the two looks: look again.
    }
    throw new StoreUnavailableError(`a log was trimmed under ${MAX_LOOKS} looks at it`);
  }

  private async firstPage(accessId: string, { position, since }: StartPoint, asOf: number) {
    for (;;) {
      const page = await this.page(accessId, position, since, asOf);
      if (!page || page.events.length > 0 || page.reachedHead) return page;
      position = page.end;
    }
  }

  /**
   * The next frame's worth of events after a position. It is read once for all who ask for it at the same time: 1,000
   * connections of a user that wake together cost one read.
   *
   * @param asOf the version of the caller's tail: it is never given a page that was read before the last announcement
   * @returns `undefined` where events after the position may be gone
   */
  page(accessId: string, after: Position, since: Since | undefined, asOf: number): Promise<Page | undefined> {
    const skipped = since ? `${since.createdAt}/${since.until}` : '';
    const key = `${formatPosition(after)} ${skipped} ${asOf} ${accessId}`;
    const inReading = this.pagesInReading.get(key);
    if (inReading) return inReading;
    const begun = performance.now();
    const page = this.log.read(accessId, after, MAX_FRAME_BYTES, since);
    this.pagesInReading.set(key, page);
    page.then(
      () => {
        this.pagesInReading.delete(key);
        this.metrics.read(performance.now() - begun);
      },
      () => {
        this.pagesInReading.delete(key);
        this.metrics.readFailed();
      },
    );
    return page;
  }

  /**
   * The last `limit` events of a log before number `before`, in log order; fewer where they are large.
   *
   * @returns `undefined` where there is no such log
   * @throws StoreUnavailableError
   */
  async lookBack(accessId: string, before: number, limit: number): Promise<LogSlice | undefined> {
    for (let look = 0; look < MAX_LOOKS; look++) {
      const { head } = await this.log.view(accessId, 0);
      if (!head) return undefined;
      const end = Math.min(before - 1, head.seq);
      const from = Math.max(head.trimmedSeq, end - affordable(head, limit));
      const events = end > from ? await this.readBetween(accessId, head, from, end) : [];
      const { epoch, seq: newest, trimmedSeq } = head;
      if (events) return { epoch, oldest: trimmedSeq + 1, newest, events };
      // The log was trimmed between the two looks: look again.
    }
    throw new StoreUnavailableError(`a log was trimmed under ${MAX_LOOKS} looks at it`);
  }

  /** The events after number `from` up to number `end`; `undefined` where the log has let go of some. */
  private async readBetween(accessId: string, head: Head, from: number, end: number) {
    const { epoch, trimmedSeq, trimmedTag } = head;
    const tag = from === trimmedSeq ? trimmedTag : (await this.log.view(accessId, from)).tag;
    if (tag === undefined) return undefined;
    const events: StoredEvent[] = [];
    for (let position: Position = { epoch, seq: from, tag }; position.seq < end;) {
      const page = await this.log.read(accessId, position, MAX_FRAME_BYTES, undefined);
      if (!page || page.events.length === 0) return undefined;
      events.push(...page.events.filter(({ seq }) => seq <= end));
      position = page.end;
    }
    return events;
  }

  /**
   * How a cursor stands to its log. For the repair of announcements that never came.
   *
   * @param losses the store's when the cursor began
   */
  async stateOf(accessId: string, position: Position, losses = 0): Promise<PositionState> {
    const view = await this.log.view(accessId, position.seq);
    const drops = view.head?.drops ?? 0;
    const resolved = resolvePosition(view, position);
    if (!resolved || view.store.losses !== losses) return { standing: 'gone', drops };
    const isCurrent = !view.head || resolved.seq === newestPosition(view).seq;
    return { standing: isCurrent ? 'current' : 'behind', drops };
  }
}

/** How many events of a log a look at it may take: up to `limit`. */
function affordable({ seq, trimmedSeq, bytes }: Head, limit: number): number {
  const mean = bytes / Math.max(1, seq - trimmedSeq);
  return Math.max(1, Math.min(limit, Math.floor(MAX_SLICE_BYTES / Math.max(1, mean))));
}
