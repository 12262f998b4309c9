import type { RootDatabase } from 'lmdb';
import { eventsIn } from './chunk.js';
import { FolderError } from './folder-error.js';
import { encodeEntry, type Changes } from './journal-entry.js';
import { JournalFullError, type Journal } from './journal.js';
import { chunkKey, MAX_SEQ, metaKey, seqOfChunkKey } from './keys.js';
import { decodeMeta, encodeMeta, type Meta } from './meta.js';
import { isSameProcess } from './owner.js';
import { overlaid, PendingRecords, type PendingRecord } from './pending-records.js';
import type { Reserve } from './reserve.js';

/** A record of a log and where it stands. */
export interface ChunkRecord {
  readonly firstSeq: number;
  readonly record: Buffer;
}

export type Database = RootDatabase<Buffer, Buffer>;

/** Records that are carried over in one transaction, 1 ms of this thread's time. */
const SLICE_RECORDS = 500;
const SLICE_BYTES = 1024 * 1024;

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
  private ownRecord: Buffer;

  constructor(
    private readonly path: string,
    private readonly db: Database,
    private readonly reserve: Reserve,
    private readonly journal: Journal,
    private current: Meta,
    /** What of an earlier file was set aside because it could not be read. */
    readonly setAside: string | undefined,
  ) {
    this.ownRecord = db.get(metaKey)!;
  }

  /** As of the last commit. */
  get meta(): Meta {
    return this.current;
  }

  get(key: Buffer): Buffer | undefined {
    const name = key.toString('latin1');
    const pending = this.pending.get(name) ?? this.settling?.records.get(name);
    return pending ? pending.value : this.db.get(key);
  }

  /** The record that holds event `seq` of a user's log, or the nearest one before it. */
  chunkAt(accessId: string, seq: number): ChunkRecord | undefined {
    const start = chunkKey(accessId, seq);
    const end = chunkKey(accessId, 0);
    // Most often it is one of the newest, and the tree, a read of 3 µs, need not be asked.
    for (const records of [this.pending, this.settling?.records]) {
      const { key, value } = records?.floor(start.toString('latin1')) ?? {};
      if (!key || !value || key.compare(end) <= 0) continue;
      const firstSeq = seqOfChunkKey(key);
      if (seq < firstSeq + eventsIn(value)) return { firstSeq, record: value };
    }
    for (const { key, value } of this.descending(start, end)) {
      if (value) return { firstSeq: seqOfChunkKey(key), record: value };
    }
    return undefined;
  }

  /** The record at a log's end. */
  lastChunk(accessId: string): ChunkRecord | undefined {
    return this.chunkAt(accessId, MAX_SEQ);
  }

  /** The records of a user's log that stand at `fromSeq` or behind it and before `endSeq`. */
  *chunks(accessId: string, fromSeq: number, endSeq = MAX_SEQ): Generator<ChunkRecord> {
    for (const { key, value } of this.ascending(chunkKey(accessId, fromSeq), chunkKey(accessId, endSeq))) {
      if (value) yield { firstSeq: seqOfChunkKey(key), record: value };
    }
  }

  /** Keys of a range, in order. */
  *keys(range: { start: Buffer; end: Buffer }, limit = Infinity): Generator<Buffer> {
    let count = 0;
    for (const { key, value } of this.ascending(range.start, range.end)) {
      if (!value) continue;
      if (count++ === limit) return;
      yield key;
    }
  }

  private ascending(start: Buffer, end: Buffer): Iterable<PendingRecord> {
    const [first, last] = [start.toString('latin1'), end.toString('latin1')];
    let records: Iterable<PendingRecord> = this.db.getRange({ start, end });
    if (this.settling) records = overlaid(this.settling.records.ascending(first, last), records, 1);
    return overlaid(this.pending.ascending(first, last), records, 1);
  }

  private descending(start: Buffer, end: Buffer): Iterable<PendingRecord> {
    const [first, last] = [start.toString('latin1'), end.toString('latin1')];
    let records: Iterable<PendingRecord> = this.db.getRange({ start, end, reverse: true });
    if (this.settling) records = overlaid(this.settling.records.descending(first, last), records, -1);
    return overlaid(this.pending.descending(first, last), records, -1);
  }

  /**
   * Writes a commit into the journal, and unless the file was opened otherwise, waits for the disk. It counts once it is applied.
   *
   * @param meta the file's state after it
   */
  async write(changes: Changes, meta: Meta): Promise<void> {
    this.assertOwned();
    while (this.journal.isTooLong) await this.settle();
    const entry = encodeEntry(changes, meta);
    try {
      await this.journal.append(entry);
    } catch (error) {
      if (!(error instanceof JournalFullError)) throw error;
      await this.settleAll();
      await this.journal.append(entry);
    }
  }

  /** Lets everyone see a commit that was written. */
  apply(changes: Changes, meta: Meta): void {
    this.pending.apply(changes);
    this.current = meta;
  }

  /** Whether it is time to settle. */
  get isJournalLong(): boolean {
    return this.journal.isLong;
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
    while (this.settling || this.pending.size > 0) await this.settle();
  }

  private async carryOver(): Promise<void> {
    if (!this.settling) {
      this.settling = { records: this.pending, meta: this.current };
      this.pending = new PendingRecords();
      this.journal.turn();
    }
    const { records, meta } = this.settling;
    for (const slice of slices(records.all())) await this.transact(slice);
    await this.transact([], meta);
    this.settling = undefined;
    this.journal.release();
  }

  /** One transaction of the tree, flushed to the disk. */
  private async transact(records: readonly PendingRecord[], meta?: Meta): Promise<void> {
    await this.reserve.claim(this.reserve.bytesFor(records));
    this.assertOwned();
    const metaRecord = meta && encodeMeta(meta);
    const done = this.db.batch(() => {
      for (const { key, value } of records) void (value ? this.db.put(key, value) : this.db.remove(key));
      if (metaRecord) void this.db.put(metaKey, metaRecord);
    });
    try {
      await done;
    } catch (error) {
      throw await causeOf(error);
    }
    this.reserve.proved();
    this.ownRecord = metaRecord ?? this.ownRecord;
    // What is read next must see it.
    this.db.resetReadTxn();
  }

  /** Who cannot see this process (from another container, another machine) may think that it is gone, and take the file over. */
  private assertOwned(): void {
    const record = this.db.get(metaKey)!;
    if (record.equals(this.ownRecord)) return;
    const { owner } = decodeMeta(record);
    if (owner && !isSameProcess(owner, this.current.owner!)) {
      throw new FolderError(`${this.path} was taken over by process ${owner.pid}: one process a folder`);
    }
  }

  /** Carries everything over, says that nothing is owed to the disk, and lets go of the file. */
  async close(): Promise<void> {
    let isCarriedOver = false;
    try {
      await this.settleAll();
      await this.transact([], { ...this.current, owner: null });
      isCarriedOver = true;
    } catch {
      // The file keeps its owner, and the journal what it has: whoever opens it next sees that the owner is gone, and reads it.
    }
    await this.journal.close(isCarriedOver);
    this.reserve.close();
    await this.db.close();
  }
}

/** As many records as one transaction may take, again and again. */
function* slices(records: Iterable<PendingRecord>): Generator<PendingRecord[]> {
  let slice: PendingRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    slice.push(record);
    bytes += record.value?.length ?? 0;
    if (slice.length < SLICE_RECORDS && bytes < SLICE_BYTES) continue;
    yield slice;
    slice = [];
    bytes = 0;
  }
  if (slice.length > 0) yield slice;
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
