import { Logger } from '@nestjs/common';
import type { Push } from '../notifier/event.js';
import { EventLog, StoreUnavailableError } from '../notifier/event-log.js';
import type {
  Announcement,
  AppendResult,
  Head,
  LogExtent,
  LogView,
  Page,
  Since,
  StoredEvent,
  StoreMemory,
} from '../notifier/event-log.js';
import { framedBytes } from '../notifier/delivery.js';
import type { Position } from '../notifier/position.js';
import { resolvePosition } from '../notifier/start-point.js';
import { type Bounds, type Clock, HOUR_MS, steadyClock } from './bounds.js';
import { decodeEvents, decodeHead, decodeIndex } from './lmdb/chunk.js';
import { CommitDraft } from './lmdb/commit-draft.js';
import { CommitQueue } from './lmdb/commit-queue.js';
import { HeadCache } from './lmdb/head-cache.js';
import { expiredRange, hashOfExpiryKey, hourRange, readHourKey } from './lmdb/keys.js';
import { LmdbFile } from './lmdb/lmdb-file.js';
import { hasEvents, type LogHead } from './lmdb/log-head.js';

/** How often what is over is looked for. Reads and appends judge by the clock themselves: this only frees the room. */
const SWEEP_MS = 30_000;
/** Logs and claims let go of in one commit: some 5 ms of work. */
const SWEEP_SLICE = 500;
/** How soon after a failed commit the store is tried again without being asked. */
const RETRY_MS = 1000;

export interface LmdbOptions {
  readonly dir: string;
  /** `full`: a commit waits for the disk. `process`: it does not, and a power loss may cost the file. */
  readonly sync: 'full' | 'process';
  readonly bounds: Bounds;
  readonly systemClock?: Clock;
}

/**
 * The users' logs in an LMDB file. Concurrent pushes share one transaction and one flush. Each record of a log holds what one commit
 * brought it, and the head after that: an append is one write, and the head is the last record.
 */
export class LmdbEventLog extends EventLog {
  readonly name = 'lmdb';
  private readonly logger = new Logger(LmdbEventLog.name);
  private readonly clock: Clock;
  private readonly bounds: Bounds;
  private readonly heads = new HeadCache();
  private readonly queue = new CommitQueue((changes) => this.commit(changes));
  private listener: ((announcements: readonly Announcement[]) => void) | undefined;
  private readonly sweeper: NodeJS.Timeout;
  private retry: NodeJS.Timeout | undefined;
  private isHealthy = true;
  private isClosed = false;

  private constructor(
    private readonly file: LmdbFile,
    { bounds, systemClock }: LmdbOptions,
  ) {
    super();
    this.clock = steadyClock(file.meta.clock, systemClock);
    // One log alone must fit, with its records' overhead.
    this.bounds = { ...bounds, bufferBytes: Math.min(bounds.bufferBytes, bounds.totalBytes / 2) };
    this.sweeper = setInterval(() => void this.sweep(), SWEEP_MS).unref();
    if (file.setAside) {
      this.logger.error(
        `the file could not be read, was set aside as ${file.setAside}, and the store starts empty`,
      );
    }
  }

  /** @throws FolderError where the folder is in use or its file cannot be read */
  static open(options: LmdbOptions): LmdbEventLog {
    return new LmdbEventLog(LmdbFile.open(options.dir, options.sync), options);
  }

  async append({ events, idempotency }: Push): Promise<AppendResult> {
    this.assertOpen();
    if (events.length === 0 && !idempotency) return 'stored';
    return this.queue.add((draft) => draft.append(events, idempotency));
  }

  async drop(accessId: string): Promise<number> {
    this.assertOpen();
    return this.queue.add((draft) => draft.drop(accessId));
  }

  async view(accessId: string, seq: number): Promise<LogView> {
    this.assertOpen();
    return this.look(accessId, seq);
  }

  async read(
    accessId: string,
    after: Position,
    maxBytes: number,
    since: Since | undefined,
  ): Promise<Page | undefined> {
    this.assertOpen();
    const view = this.look(accessId, after.seq);
    const start = resolvePosition(view, after);
    if (!start) return undefined;
    if (!view.head || view.head.seq === start.seq) {
      return { epoch: start.epoch, events: [], start, end: start, reachedHead: true };
    }
    return this.page(accessId, view.head, start, maxBytes, since);
  }

  private page(
    accessId: string,
    head: Head,
    start: Position,
    maxBytes: number,
    since: Since | undefined,
  ): Page {
    const { epoch } = head;
    const events: StoredEvent[] = [];
    let before = start;
    let end = start;
    let bytes = 0;
    for (const event of this.eventsAfter(accessId, start.seq)) {
      const position = { epoch, seq: event.seq, tag: event.tag };
      if (!since || event.createdAt >= since.createdAt || event.seq > since.until) {
        bytes += framedBytes(event);
        if (bytes > maxBytes && events.length > 0) break;
        events.push(event);
      } else if (events.length === 0) before = position;
      end = position;
    }
    return { epoch, events, start: before, end, reachedHead: end.seq === head.seq };
  }

  private *eventsAfter(accessId: string, seq: number): Generator<StoredEvent> {
    const first = this.file.chunkAt(accessId, seq + 1);
    for (const { firstSeq, record } of this.file.chunks(accessId, first?.firstSeq ?? 0)) {
      yield* decodeEvents(firstSeq, record, seq + 1);
    }
  }

  async extent(accessId: string): Promise<LogExtent> {
    const { head, tag } = this.look(accessId, (this.headOf(accessId)?.trimmedSeq ?? 0) + 1);
    if (!head) return { events: 0, bytes: 0, oldest: undefined, newest: undefined, trimmed: 0, drops: 0 };
    const { epoch, seq, trimmedSeq, bytes, drops } = head;
    const holds = hasEvents(head);
    const oldestTag = tag ?? this.tagOf(accessId, trimmedSeq + 1);
    return {
      events: seq - trimmedSeq,
      bytes,
      oldest: holds ? { epoch, seq: trimmedSeq + 1, tag: oldestTag! } : undefined,
      newest: holds ? { epoch, seq, tag: head.tag } : undefined,
      trimmed: trimmedSeq,
      drops,
    };
  }

  listen(listener: (announcements: readonly Announcement[]) => void): void {
    this.listener = listener;
  }

  isReady(): boolean {
    return this.isHealthy && !this.isClosed;
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    clearInterval(this.sweeper);
    clearTimeout(this.retry);
    await this.queue.drained();
    await this.file.close();
  }

  /** Bytes of all records, as bounded by `totalBytes`. */
  get bytes(): number {
    return this.file.meta.bytes;
  }

  private look(accessId: string, seq: number): LogView {
    const now = this.clock();
    const stored = this.headOf(accessId);
    const head = stored && this.expired(accessId, stored, now);
    const isOver = stored !== undefined && this.isOver(stored, now);
    const tag = head && !isOver && seq > head.trimmedSeq ? this.tagOf(accessId, seq) : undefined;
    return {
      head: isOver ? undefined : head,
      store: this.memory(isOver ? head : undefined, stored, now),
      tag,
      trusted: this.isTrusted(accessId, seq, now),
    };
  }

  private memory(forgotten: Head | undefined, stored: LogHead | undefined, now: number): StoreMemory {
    const { epoch, serial, forgottenSerial, forgottenCreatedAt } = this.file.meta;
    return {
      epoch,
      serial,
      forgottenSerial: Math.max(forgottenSerial, forgotten ? stored!.pushedSerial : 0),
      forgottenCreatedAt: Math.max(forgottenCreatedAt ?? -Infinity, forgotten?.trimmedCreatedAt ?? -Infinity),
      tailLost: this.isTailLost(now),
    };
  }

  private isTailLost(now: number): boolean {
    const { doubtedAt } = this.file.meta;
    return doubtedAt > 0 && now - doubtedAt < this.bounds.bufferTtlMs;
  }

  private isTrusted(accessId: string, seq: number, now: number): boolean {
    if (!this.isTailLost(now)) return true;
    const chunk = this.indexOf(accessId, seq);
    return chunk !== undefined && chunk.arrived > this.file.meta.doubtedAt;
  }

  private tagOf(accessId: string, seq: number): number | undefined {
    return this.indexOf(accessId, seq)?.tag;
  }

  private indexOf(accessId: string, seq: number) {
    const chunk = this.file.chunkAt(accessId, seq);
    const index = chunk && decodeIndex(chunk.firstSeq, chunk.record);
    return index && seq < index.firstSeq + index.count ? index : undefined;
  }

  private headOf(accessId: string): LogHead | undefined {
    const known = this.heads.get(accessId);
    if (known) return known;
    const last = this.file.lastChunk(accessId);
    const head = last && decodeHead(last.firstSeq, last.record);
    if (head) this.heads.set(accessId, head);
    return head;
  }

  /** The head as it is once what is too old is gone, which the file will learn with the next append or sweep. */
  private expired(accessId: string, head: LogHead, now: number): LogHead {
    const oldestAllowed = now - this.bounds.bufferTtlMs;
    if (!hasEvents(head)) return head;
    const first = this.file.chunkAt(accessId, head.trimmedSeq + 1);
    if (!first || decodeIndex(first.firstSeq, first.record).arrived >= oldestAllowed) return head;
    const expired = { ...head };
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
  private isOver(head: LogHead, now: number): boolean {
    return (head.hour + 1) * HOUR_MS + this.bounds.bufferTtlMs + this.bounds.headTtlMs <= now;
  }

  private async commit(changes: readonly ((draft: CommitDraft) => unknown)[]): Promise<unknown[]> {
    const now = this.clock();
    const draft = new CommitDraft(
      this.file,
      this.bounds,
      now,
      (accessId) => this.headOf(accessId),
      (head) => this.isOver(head, now),
    );
    const results = changes.map((change) => change(draft));
    try {
      await this.file.commit(draft, draft.finish());
    } catch (error) {
      this.failed(error);
      throw error;
    }
    this.committed(draft);
    return results;
  }

  private committed(draft: CommitDraft): void {
    this.isHealthy = true;
    for (const accessId of draft.forgotten) this.heads.delete(accessId);
    for (const [accessId, { head }] of draft.logs) this.heads.set(accessId, head);
    this.listener?.([...draft.announcements()]);
  }

  private failed(error: unknown): void {
    if (this.isHealthy) this.logger.error(`a commit failed: ${String(error)}`);
    this.isHealthy = false;
    clearTimeout(this.retry);
    this.retry = setTimeout(
      () => void this.queue.add(() => undefined).catch(() => undefined),
      RETRY_MS,
    ).unref();
  }

  /** Frees the room of what is over, a slice a commit. */
  private async sweep(): Promise<void> {
    const now = this.clock();
    const { bufferTtlMs, headTtlMs } = this.bounds;
    const claims = [...this.file.keys(expiredRange(now), SWEEP_SLICE)];
    const logs = this.usersBefore(true, now - bufferTtlMs);
    const heads = this.usersBefore(false, now - bufferTtlMs - headTtlMs);
    if (claims.length + logs.length + heads.length === 0 || this.isClosed) return;
    try {
      await this.queue.add((draft) => {
        for (const key of claims) draft.expireClaim(key.readUIntBE(1, 6), hashOfExpiryKey(key));
        for (const accessId of [...logs, ...heads]) draft.expire(accessId);
      });
      if (!this.isClosed) setImmediate(() => void this.sweep());
    } catch {
      // The failed commit has been reported, and the next sweep tries again.
    }
  }

  private usersBefore(withEvents: boolean, time: number): string[] {
    const hour = Math.max(0, Math.floor(time / HOUR_MS));
    return [...this.file.keys(hourRange(withEvents, hour), SWEEP_SLICE)].map(
      (key) => readHourKey(key).accessId,
    );
  }

  private assertOpen(): void {
    if (this.isClosed) throw new StoreUnavailableError('the store is closed');
  }
}
