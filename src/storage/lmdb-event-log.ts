import { Logger } from '@nestjs/common';
import type { Push } from '../notifier/event.js';
import { EventLog, StoreUnavailableError } from '../notifier/event-log.js';
import type {
  AppendResult,
  LogExtent,
  LogListener,
  LogView,
  Page,
  Since,
  StoreExtent,
} from '../notifier/event-log.js';
import type { Position } from '../notifier/position.js';
import { type Bounds, type Clock, HOUR_MS, patientClock, steadyClock } from './bounds.js';
import { CommitDraft } from './lmdb/commit-draft.js';
import { CommitQueue } from './lmdb/commit-queue.js';
import type { JournaledCommit } from './lmdb/journal-entry.js';
import { expiryKeysEnd, hashOfExpiryKey, hourKey, readHourKey } from './lmdb/keys.js';
import type { Found, LmdbFile } from './lmdb/lmdb-file.js';
import type { LogHead } from './lmdb/log-head.js';
import { LogReader } from './lmdb/log-reader.js';
import type { Meta } from './lmdb/meta.js';
import { openFile, type FileOptions } from './lmdb/open-file.js';
import { RecentCache } from './lmdb/recent-cache.js';

/** How often what is over is looked for. Reads and appends judge by the clock themselves: this only frees the room. */
const SWEEP_MS = 30_000;
/** Logs and claims let go of in one commit: some 5 ms of work. */
const SWEEP_SLICE = 500;
/** 250 bytes each: 16 MiB. A head that is not among them is one read of the file, 3 µs. */
const MAX_HEADS = 65_536;
/** How soon after a failed commit the store is tried again without being asked. */
const RETRY_MS = 1000;

export interface LmdbOptions extends FileOptions {
  readonly bounds: Bounds;
  /** Instead of the machine's, for tests: then time passes by it too. */
  readonly systemClock?: Clock;
}

interface Drafted {
  readonly draft: CommitDraft;
  readonly meta: Meta;
  readonly results: unknown[];
}

/**
 * The users' logs in an LMDB tree behind a journal. Concurrent pushes share one commit: one write to the journal, and one flush. Each
 * record of a log holds what one commit brought it, and the head after that.
 */
export class LmdbEventLog extends EventLog {
  readonly name = 'lmdb';
  private readonly logger = new Logger(LmdbEventLog.name);
  private readonly clock: Clock;
  private readonly claimsClock: Clock;
  private readonly bounds: Bounds;
  private readonly heads = new RecentCache<LogHead>(MAX_HEADS);
  private readonly reader: LogReader;
  private readonly queue = new CommitQueue((changes) => this.commit(changes));
  private listener: LogListener | undefined;
  private readonly sweeper: NodeJS.Timeout;
  private retry: NodeJS.Timeout | undefined;
  private isHealthy = true;
  /** Whether the journal is being carried over, or has to wait before it is tried again. */
  private isSettling = false;
  private cannotSettle = false;
  private trimmed = 0;
  private isClosed = false;

  private constructor(
    private readonly file: LmdbFile,
    { bounds, systemClock }: LmdbOptions,
  ) {
    super();
    this.clock = steadyClock(file.meta.clock, systemClock, systemClock);
    this.claimsClock = patientClock(this.clock, bounds.idempotencyTtlMs, systemClock);
    // One log alone must fit, with its records' overhead.
    this.bounds = { ...bounds, bufferBytes: Math.min(bounds.bufferBytes, bounds.totalBytes / 2) };
    this.reader = new LogReader(file, this.heads, this.bounds, this.clock);
    this.sweeper = setInterval(() => void this.sweep(), SWEEP_MS).unref();
    this.report(file.found);
  }

  private report({ setAside, missingJournals, foreignJournals }: Found): void {
    if (setAside) {
      this.logger.error(
        `the file could not be read, was set aside as ${setAside}, and the store starts empty`,
      );
    }
    for (const journal of missingJournals) {
      this.logger.error(`${journal} is missing: the newest events may be lost, and clients are told so`);
    }
    for (const journal of foreignJournals) {
      this.logger.error(`a journal of another store stood in the folder, and was set aside as ${journal}`);
    }
  }

  /** @throws FolderError where the folder is in use or its file cannot be read */
  static open(options: LmdbOptions): LmdbEventLog {
    return new LmdbEventLog(openFile(options), options);
  }

  async append(push: Push): Promise<AppendResult> {
    this.assertOpen();
    if (push.events.length === 0 && !push.idempotency) return 'stored';
    const result = await this.queue.add((draft) => draft.append(push));
    if (result === 'full')
      throw new StoreUnavailableError('idempotency keys take up their share of the store');
    return result;
  }

  async drop(accessId: string): Promise<number> {
    this.assertOpen();
    return this.queue.add((draft) => draft.drop(accessId));
  }

  async view(accessId: string, seq: number): Promise<LogView> {
    this.assertOpen();
    return this.reader.view(accessId, seq);
  }

  async read(
    accessId: string,
    after: Position,
    maxBytes: number,
    since: Since | undefined,
  ): Promise<Page | undefined> {
    this.assertOpen();
    return this.reader.read(accessId, after, maxBytes, since);
  }

  async extent(accessId: string): Promise<LogExtent> {
    this.assertOpen();
    return this.reader.extent(accessId);
  }

  listen(listener: LogListener): void {
    this.listener = listener;
  }

  override storeExtent(): StoreExtent {
    return { bytes: this.bytes, maxBytes: this.bounds.totalBytes, trimmed: this.trimmed };
  }

  isReady(): boolean {
    return this.isHealthy && !this.isClosed && !this.queue.isStuck;
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

  private async commit(changes: readonly ((draft: CommitDraft) => unknown)[]): Promise<unknown[]> {
    const { draft, meta, results } = this.draft(changes, this.bounds);
    let commit: JournaledCommit;
    try {
      commit = await this.file.write(draft, meta);
    } catch (error) {
      this.failed(error);
      throw error;
    }
    // All of it in one turn: whoever reads sees the commit whole, or not yet.
    this.file.apply(commit);
    this.remember(draft);
    if (this.file.isUnsettled) void this.settle();
    this.listener?.appended(draft.announcements());
    return results;
  }

  /**
   * The commit of `changes`. Other logs make room for those it touches; where that is not enough, these are drafted again, and keep
   * fewer events.
   */
  private draft(changes: readonly ((draft: CommitDraft) => unknown)[], bounds: Bounds): Drafted {
    const now = this.clock();
    const draft = new CommitDraft(
      this.file,
      bounds,
      { now, claims: this.claimsClock() },
      (accessId) => this.reader.headOf(accessId),
      (head) => this.reader.isOver(head, now),
    );
    const results = changes.map((change) => change(draft));
    const meta = draft.finish();
    if (meta.bytes <= bounds.totalBytes || bounds.bufferEvents === 0) return { draft, meta, results };
    return this.draft(changes, { ...bounds, bufferEvents: Math.floor(bounds.bufferEvents / 2) });
  }

  private remember(draft: CommitDraft): void {
    this.isHealthy = true;
    this.trimmed += draft.trimmed;
    for (const accessId of draft.forgotten) this.heads.delete(accessId);
    for (const [accessId, { head }] of draft.logs) this.heads.set(accessId, head);
  }

  /** Carries the journal over. Where that fails, pushes go on for as long as the journal has room, and it is tried again. */
  private async settle(): Promise<void> {
    if (this.isSettling) return;
    this.isSettling = true;
    try {
      await this.file.settle();
      this.isSettling = false;
      this.cannotSettle = false;
    } catch (error) {
      if (!this.cannotSettle) this.logger.error(`the journal cannot be carried over: ${String(error)}`);
      this.cannotSettle = true;
      setTimeout(() => (this.isSettling = false), RETRY_MS).unref();
    }
  }

  private failed(error: unknown): void {
    if (this.isHealthy) this.logger.error(`a commit failed: ${String(error)}`);
    this.isHealthy = false;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.probe(), RETRY_MS).unref();
  }

  /** A commit that changes nothing: it succeeds as soon as the disk takes writes again. */
  private async probe(): Promise<void> {
    if (this.isClosed) return;
    try {
      await this.queue.add(() => undefined);
    } catch {
      // Still failing, and that has armed the next probe.
    }
  }

  /** Frees the room of what is over, a slice a commit. It does so by itself every `SWEEP_MS`. */
  async sweep(): Promise<void> {
    try {
      while (!this.isClosed && this.isAnythingOver()) {
        await this.queue.add((draft) => this.sweepSlice(draft));
      }
    } catch {
      // The failed commit has been reported, and the next sweep tries again.
    }
  }

  private isAnythingOver(): boolean {
    const { claims, users } = this.over(1);
    return claims.length + users.length > 0;
  }

  private sweepSlice(draft: CommitDraft): void {
    const { claims, users } = this.over(SWEEP_SLICE);
    for (const key of claims) draft.expireClaim(key.readUIntBE(1, 6), hashOfExpiryKey(key));
    for (const accessId of users) draft.expire(accessId);
  }

  /** Keys of claims, users whose events are too old, users whose heads are. */
  private over(limit: number): { claims: Buffer[]; users: string[] } {
    const now = this.clock();
    const { bufferTtlMs, headTtlMs } = this.bounds;
    const claims = [...this.file.keysBefore(expiryKeysEnd(this.claimsClock()), limit)];
    const logs = this.usersBefore(true, now - bufferTtlMs, limit);
    const heads = this.usersBefore(false, now - bufferTtlMs - headTtlMs, limit);
    return { claims, users: [...logs, ...heads] };
  }

  private usersBefore(withEvents: boolean, time: number, limit: number): string[] {
    const hour = Math.max(0, Math.floor(time / HOUR_MS));
    const keys = this.file.keysBefore(hourKey(withEvents, hour, ''), limit);
    return [...keys].map((key) => readHourKey(key).accessId);
  }

  private assertOpen(): void {
    if (this.isClosed) throw new StoreUnavailableError('the store is closed');
  }
}
