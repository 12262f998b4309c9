import { setImmediate, setTimeout } from 'node:timers/promises';
import { IF_EXISTS } from 'lmdb';
import { eventsIn, type ChunkIndex } from './chunk.js';
import { FirstKeys } from './first-keys.js';
import { encodeEntry, type Changes, type JournaledCommit } from './journal-entry.js';
import { JournalFullError, type Journal } from './journal.js';
import { MAX_SEQ, metaKey } from './keys.js';
import { LogsByHour } from './logs-by-hour.js';
import { encodeMeta, type Meta } from './meta.js';
import { OldestChunks } from './oldest-chunks.js';
import type { OwnerMark } from './owner-mark.js';
import type { ChunkRecord } from './pack.js';
import {
  overlaid,
  PendingRecords,
  type PendingChunk,
  type PendingLog,
  type PendingRecord,
} from './pending-records.js';
import type { Reserve } from './reserve.js';
import { chunksDown, chunksUp, treeChanges, type Database } from './tree.js';

/** What is carried over before commits go first again: half a millisecond of this thread's time. */
const STEP_RECORDS = 64;
const STEP_BYTES = 64 * 1024;

/** Steps go together into one transaction until it has so much. */
const TRANSACTION_RECORDS = 1024;
const TRANSACTION_BYTES = 1024 * 1024;

/** What was amiss in the folder. */
export interface Found {
  /** What of an earlier file was set aside because it could not be read. */
  readonly setAside: string | undefined;
  /** The journals that should have been there: what only they had is lost. */
  readonly missingJournals: readonly string[];
  /** The journals of another store, as they are named now. */
  readonly foreignJournals: readonly string[];
}

/**
 * The store's records: an LMDB tree, and over it what was committed since the tree was last written. That stands in the journal,
 * where a commit costs one write, and in memory, where it is read. Now and then it is carried over into the tree; what is
 * written twice then, after a crash for example, is the same.
 */
export class LmdbFile {
  private pending = new PendingRecords();
  /** What is being carried over into the tree, and the file's state after it. */
  private settling: { readonly records: PendingRecords; readonly meta: Meta } | undefined;
  private settled: Promise<void> | undefined;
  /** Ends the pauses of a carry-over that somebody waits for. */
  private hurry = new AbortController();
  /** The number of the last commit when a carry-over last gave way. */
  private commitAtPause: number | undefined;
  /** The number of the last commit that stands in the tree. */
  private carriedOver: number;
  private readonly firstKeys = new FirstKeys();
  private readonly oldest = new OldestChunks();
  readonly logsByHour = new LogsByHour(this);

  constructor(
    private readonly db: Database,
    private readonly mark: OwnerMark,
    private readonly reserve: Reserve,
    private readonly journal: Journal,
    /** How long a carry-over that has time gives way to commits before each of its steps. */
    private readonly pauseMs: number,
    private current: Meta,
    readonly found: Found,
  ) {
    this.carriedOver = current.commit;
  }

  /** As of the last commit. */
  get meta(): Meta {
    return this.current;
  }

  /** A record that is no chunk. */
  get(key: Buffer): Buffer | undefined {
    const name = key.toString('latin1');
    const pending = this.pending.get(name) ?? this.settling?.records.get(name);
    return pending ? pending.value : this.db.get(key);
  }

  /** The record that holds event `seq` of a user's log, or the nearest one before it. */
  chunkAt(accessId: string, seq: number): ChunkRecord | undefined {
    const logs = this.pendingLogs(accessId);
    // Most often it is one of the newest, and the tree, a read of 3 µs, need not be asked.
    for (const log of logs) {
      const chunk = log.floor(seq);
      if (!chunk || !isThere(chunk) || seq >= chunk.firstSeq + eventsIn(chunk.record)) continue;
      // What lies below may have been removed since.
      if (log === logs[0] || !logs[0]!.has(chunk.firstSeq)) return chunk;
    }
    let chunks: Iterable<PendingChunk> = chunksDown(this.db, accessId, seq);
    for (const log of logs.toReversed()) chunks = overlaid(log.descending(seq), chunks, bySeqDown);
    for (const chunk of chunks) if (isThere(chunk)) return chunk;
    return undefined;
  }

  /** What the chunk says that holds event `seq`, one of the oldest of the log that has that epoch. */
  oldestAt(accessId: string, epoch: string, seq: number): ChunkIndex {
    return this.oldest.find(accessId, epoch, seq, () =>
      this.chunks(accessId, this.chunkAt(accessId, seq)!.firstSeq),
    );
  }

  /** The record at a log's end. */
  lastChunk(accessId: string): ChunkRecord | undefined {
    return this.chunkAt(accessId, MAX_SEQ);
  }

  /** The records of a user's log that stand at `fromSeq` or behind it and before `endSeq`. */
  *chunks(accessId: string, fromSeq: number, endSeq = MAX_SEQ): Generator<ChunkRecord> {
    for (const chunk of this.chunksAndMarks(accessId, fromSeq, endSeq)) if (isThere(chunk)) yield chunk;
  }

  /** As `chunks`, with the marks of those that were taken out, which the tree may still have. */
  chunksAndMarks(accessId: string, fromSeq: number, endSeq = MAX_SEQ): Iterable<PendingChunk> {
    let chunks: Iterable<PendingChunk> = chunksUp(this.db, accessId, fromSeq, endSeq);
    for (const log of this.pendingLogs(accessId).toReversed()) {
      chunks = overlaid(log.ascending(fromSeq, endSeq), chunks, bySeq);
    }
    return chunks;
  }

  /** What stands of a user's log in the journals, the newer first. */
  private pendingLogs(accessId: string): PendingLog[] {
    const logs = [this.pending.log(accessId), this.settling?.records.log(accessId)];
    return logs.filter((log) => log !== undefined);
  }

  /** Keys before `end` that begin with the same byte, in order. Not for chunks. */
  *keysBefore(end: Buffer, limit = Infinity): Generator<Buffer> {
    const start = this.firstKeys.of(end);
    if (start.compare(end) >= 0) return;
    let count = 0;
    for (const key of this.keysBetween(start, end)) {
      if (count === 0) this.firstKeys.are(key);
      yield key;
      if (++count === limit) return;
    }
    if (count === 0) this.firstKeys.are(end);
  }

  /** Keys from `start` to before `end`, in order. Not for chunks. */
  *keysBetween(start: Buffer, end: Buffer): Generator<Buffer> {
    let records: Iterable<PendingRecord> = this.db.getRange({ start, end });
    for (const pending of [this.settling?.records, this.pending]) {
      if (pending) records = overlaid(pending.ascending(start, end), records, byKey);
    }
    for (const { key, value } of records) if (value) yield key;
  }

  /**
   * Writes a commit into the journal, and unless the file was opened otherwise, waits for the disk. It counts once it is applied.
   *
   * @param meta the file's state after it
   */
  async write(changes: Changes, meta: Meta): Promise<JournaledCommit> {
    while (this.journal.isTooLong) await this.settleNow();
    const commit = await this.writeOrRestart(changes, meta);
    // Last: whoever has taken the folder over meanwhile may not have read it.
    this.mark.assertThere();
    return commit;
  }

  private async writeOrRestart(changes: Changes, meta: Meta): Promise<JournaledCommit> {
    try {
      return await this.append(changes, meta);
    } catch (error) {
      if (!(error instanceof JournalFullError)) throw error;
      await this.settleAll();
      this.journal.restart();
      return this.append(changes, meta);
    }
  }

  private async append(changes: Changes, meta: Meta): Promise<JournaledCommit> {
    const commit = encodeEntry(changes, meta, (bytes) => this.journal.memory(bytes));
    await this.journal.append(commit.entry);
    return commit;
  }

  /** Lets everyone see a commit that was written. */
  apply(commit: JournaledCommit): void {
    this.pending.apply(commit);
    for (const [key] of commit.changes.puts.values()) this.firstKeys.note(key);
    this.current = commit.meta;
  }

  /** Whether it is time to settle, or to go on with what failed. */
  get isUnsettled(): boolean {
    return this.journal.isLong || this.settling !== undefined;
  }

  /**
   * Carries over into the tree what stands in the journal now, while commits go on.
   *
   * @throws Error where the tree cannot be written; nothing is lost, and the next call goes on with it
   */
  settle(): Promise<void> {
    this.settled ??= this.carryOver().finally(() => (this.settled = undefined));
    return this.settled;
  }

  private async settleAll(): Promise<void> {
    while (this.carriedOver < this.current.commit) await this.settleNow();
  }

  /** As `settle`, for who waits for it. */
  private async settleNow(): Promise<void> {
    this.hurry.abort();
    try {
      await this.settle();
    } finally {
      this.hurry = new AbortController();
    }
  }

  private async carryOver(): Promise<void> {
    if (!this.settling) {
      this.settling = { records: this.pending, meta: this.current };
      this.pending = new PendingRecords();
      this.journal.turn();
    }
    const { records, meta } = this.settling;
    // The tree must not get ahead of it: after a power loss, half a commit would stand there.
    await this.journal.flushRetired();
    let [carried, bytes, together]: [number, number, PendingRecord[]] = [0, 0, []];
    for (const step of inSteps(treeChanges(this.db, records, false))) {
      carried += step.bytes;
      await this.giveWay(carried / this.journal.retiredBytes);
      together.push(...step.records);
      bytes += step.bytes;
      if (together.length < TRANSACTION_RECORDS && bytes < TRANSACTION_BYTES) continue;
      await this.transact(together);
      [bytes, together] = [0, []];
    }
    if (together.length > 0) await this.transact(together);
    await this.transact([], meta);
    this.carriedOver = meta.commit;
    this.settling = undefined;
    this.journal.release();
  }

  /**
   * Lets commits go first, where any come. A carry-over keeps pace with them: where the journal that they fill now is as full as `share` of the other
   * one, which is carried over with the next step, it goes on at once.
   */
  private async giveWay(share: number): Promise<void> {
    const { commit } = this.current;
    if (this.journal.fullness >= share || commit === this.commitAtPause) return setImmediate();
    this.commitAtPause = commit;
    const { signal } = this.hurry;
    await setTimeout(this.pauseMs, undefined, { signal }).catch(() => undefined);
  }

  /** One transaction of the tree, flushed to the disk. */
  private async transact(records: readonly PendingRecord[], meta?: Meta): Promise<void> {
    this.mark.assertThere();
    await this.reserve.claim(this.reserve.bytesFor(records));
    // It is LMDB that looks, in its own thread and with its lock. `transaction` would look as late, but have this thread write: 0.6 ms a MiB instead of 0.2.
    const done = this.db.ifVersion(this.mark.key, IF_EXISTS, () => {
      for (const { key, value } of records) void (value ? this.db.put(key, value) : this.db.remove(key));
      if (meta) void this.db.put(metaKey, encodeMeta(meta));
    });
    const isDone = await done.catch(async (error: unknown) => {
      throw await causeOf(error);
    });
    // What is read next must see it.
    this.db.resetReadTxn();
    if (!isDone) throw this.mark.lost();
    this.reserve.proved();
  }

  /** Carries everything over, says that nothing is owed to the disk, and lets go of the file. */
  async close(): Promise<void> {
    try {
      await this.settleAll();
      await this.transact([this.mark.withoutJournals]);
      // While the folder is still this process's: the next one's have the same names.
      this.journal.remove();
      await this.transact([{ key: this.mark.key, value: undefined }], { ...this.current, owner: null });
    } catch {
      // The file keeps its owner, and the journal what it has: whoever opens it next sees that the owner is gone, and reads it.
    }
    await this.journal.close();
    this.reserve.close();
    await this.db.close();
  }
}

function isThere(chunk: PendingChunk): chunk is ChunkRecord {
  return chunk.record !== undefined;
}

function bySeq(a: PendingChunk, b: PendingChunk): number {
  return a.firstSeq - b.firstSeq;
}

function bySeqDown(a: PendingChunk, b: PendingChunk): number {
  return b.firstSeq - a.firstSeq;
}

function byKey(a: PendingRecord, b: PendingRecord): number {
  return a.key.compare(b.key);
}

interface Step {
  readonly records: readonly PendingRecord[];
  readonly bytes: number;
}

function* inSteps(all: Iterable<PendingRecord>): Generator<Step> {
  let records: PendingRecord[] = [];
  let bytes = 0;
  for (const record of all) {
    records.push(record);
    bytes += record.value?.length ?? 0;
    if (records.length < STEP_RECORDS && bytes < STEP_BYTES) continue;
    yield { records, bytes };
    records = [];
    bytes = 0;
  }
  if (records.length > 0) yield { records, bytes };
}

/** lmdb rejects with "see commitError", which is a promise that rejects with the cause. */
async function causeOf(error: unknown): Promise<unknown> {
  try {
    await (error as { commitError?: Promise<never> }).commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}
