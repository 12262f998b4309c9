import type { Head, LogExtent, LogView, Page, Since, StoreMemory } from '../../notifier/event-log.js';
import type { Position } from '../../notifier/position.js';
import { resolvePosition } from '../../notifier/start-point.js';
import { type Bounds, type Clock, HOUR_MS } from '../bounds.js';
import { PageDraft } from '../page.js';
import { addEvents, decodeHead, decodeIndex } from './chunk.js';
import { MAX_SEQ } from './keys.js';
import type { LmdbFile } from './lmdb-file.js';
import { hasEvents, publicHead, type LogHead } from './log-head.js';
import type { RecentCache } from './recent-cache.js';

const EMPTY: LogExtent = { events: 0, bytes: 0, oldest: undefined, newest: undefined, trimmed: 0, drops: 0 };

/** The logs as their readers see them: what is too old is gone at its time, whether or not the file has been told. */
export class LogReader {
  constructor(
    private readonly file: LmdbFile,
    private readonly heads: RecentCache<LogHead>,
    private readonly bounds: Bounds,
    private readonly clock: Clock,
  ) {}

  view(accessId: string, seq: number): LogView {
    const now = this.clock();
    const stored = this.headOf(accessId);
    const head = stored && this.expired(accessId, stored, now);
    const isOver = stored !== undefined && this.isOver(stored, now);
    const tag = head && !isOver && seq > head.trimmedSeq ? this.tagOf(accessId, seq) : undefined;
    return {
      head: isOver ? undefined : head && publicHead(head),
      store: this.memory(isOver ? head : undefined, stored, now),
      tag,
      trusted: this.isTrusted(accessId, seq, stored, now),
    };
  }

  read(accessId: string, after: Position, maxBytes: number, since: Since | undefined): Page | undefined {
    const view = this.view(accessId, after.seq);
    const start = resolvePosition(view, after);
    if (!start) return undefined;
    if (!view.head || view.head.seq === start.seq) {
      return { epoch: start.epoch, events: [], start, end: start, reachedHead: true };
    }
    const page = new PageDraft(view.head, start, maxBytes, since);
    this.addEvents(page, accessId, start.seq);
    return page.finished();
  }

  extent(accessId: string): LogExtent {
    const { head } = this.view(accessId, 0);
    if (!head) return EMPTY;
    const { epoch, seq, tag, trimmedSeq, bytes, drops } = head;
    const oldest = trimmedSeq + 1;
    return {
      events: seq - trimmedSeq,
      bytes,
      oldest: hasEvents(head) ? { epoch, seq: oldest, tag: this.tagOf(accessId, oldest)! } : undefined,
      newest: hasEvents(head) ? { epoch, seq, tag } : undefined,
      trimmed: trimmedSeq,
      drops,
    };
  }

  private addEvents(page: PageDraft, accessId: string, after: number): void {
    const first = this.file.chunkAt(accessId, after + 1);
    for (const { firstSeq, record } of this.file.chunks(accessId, first?.firstSeq ?? 0)) {
      if (!addEvents(page, firstSeq, record, after + 1)) return;
    }
  }

  private memory(forgotten: Head | undefined, stored: LogHead | undefined, now: number): StoreMemory {
    const { epoch, serial, forgottenSerial, forgottenCreatedAt } = this.file.meta;
    return {
      epoch,
      serial,
      forgottenSerial: Math.max(forgottenSerial, forgotten ? stored!.pushedSerial : 0),
      forgottenCreatedAt: Math.max(forgottenCreatedAt ?? -Infinity, forgotten?.trimmedCreatedAt ?? -Infinity),
      tailLost: this.isTailLost(now),
      // Nobody is connected while an embedded store loses anything.
      losses: 0,
    };
  }

  private isTailLost(now: number): boolean {
    const { doubtedAt } = this.file.meta;
    return doubtedAt > 0 && now - doubtedAt < this.bounds.bufferTtlMs;
  }

  /** An event from before the doubt is not trusted again when what may have been lost would have expired: then too, it would be missing. */
  private isTrusted(accessId: string, seq: number, stored: LogHead | undefined, now: number): boolean {
    const { doubtedAt } = this.file.meta;
    if (doubtedAt === 0) return true;
    const chunk = this.indexOf(accessId, seq);
    if (chunk) return chunk.arrived > doubtedAt;
    // One before the first event is of the store's epoch, which was drawn anew with the doubt.
    if (!stored || seq > stored.seq) return true;
    // One in the log itself can be as old as its head.
    return !this.isTailLost(now - this.bounds.headTtlMs);
  }

  private tagOf(accessId: string, seq: number): number | undefined {
    return this.indexOf(accessId, seq)?.tag;
  }

  private indexOf(accessId: string, seq: number) {
    // A client can name any number, and a key has room for 48 bits.
    if (seq > MAX_SEQ) return undefined;
    const chunk = this.file.chunkAt(accessId, seq);
    const index = chunk && decodeIndex(chunk.firstSeq, chunk.record);
    return index && seq < index.firstSeq + index.count ? index : undefined;
  }

  /** The head in the file. */
  headOf(accessId: string): LogHead | undefined {
    const known = this.heads.get(accessId);
    if (known) return known;
    const head = this.readHead(accessId);
    if (head) this.heads.set(accessId, head);
    return head;
  }

  private readHead(accessId: string): LogHead | undefined {
    const last = this.file.lastChunk(accessId);
    return last && decodeHead(last.firstSeq, last.record);
  }

  /** The head as it is once what is too old is gone, which the file will learn with the next append or sweep. */
  private expired(accessId: string, head: LogHead, now: number): LogHead {
    const oldestAllowed = now - this.bounds.bufferTtlMs;
    if (!hasEvents(head) || (head.oldestArrived ?? -Infinity) >= oldestAllowed) return head;
    const first = this.file.chunkAt(accessId, head.trimmedSeq + 1);
    if (!first || decodeIndex(first.firstSeq, first.record).arrived >= oldestAllowed) return head;
    const expired = { ...head, oldestArrived: undefined };
    for (const { firstSeq, record } of this.file.chunks(accessId, first.firstSeq)) {
      const index = decodeIndex(firstSeq, record);
      if (index.count === 0 || index.arrived >= oldestAllowed) break;
      for (let i = Math.max(0, expired.trimmedSeq + 1 - firstSeq); i < index.count; i++) {
        expired.trimmedSeq = firstSeq + i;
        expired.trimmedTag = index.tag;
        expired.trimmedCreatedAt = Math.max(expired.trimmedCreatedAt, index.createdAt(i));
        expired.bytes -= index.length(i);
      }
    }
    return expired;
  }

  /** Whether a head has outlived its log's events by its whole lifetime; to the hour, and never early. */
  isOver(head: LogHead, now: number): boolean {
    return (head.hour + 1) * HOUR_MS + this.bounds.bufferTtlMs + this.bounds.headTtlMs <= now;
  }
}
