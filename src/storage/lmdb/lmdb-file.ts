import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { newEpoch } from '../../notifier/position.js';
import { chunkKey, MAX_SEQ, metaKey, seqOfChunkKey } from './keys.js';
import { decodeMeta, encodeMeta, type Meta, type Owner } from './meta.js';
import { isAlive, mayHaveLostWrites, thisProcess } from './owner.js';

/** A record of a log and where it stands. */
export interface ChunkRecord {
  readonly firstSeq: number;
  readonly record: Buffer;
}

/** What one commit changes. */
export interface Changes {
  readonly puts: ReadonlyMap<string, readonly [key: Buffer, value: Buffer]>;
  readonly removes: ReadonlyMap<string, Buffer>;
}

/** The folder's file is in use, or unreadable: its text is for the operator. */
export class FolderError extends Error {
  override readonly name = 'FolderError';
}

type Database = RootDatabase<Buffer, Buffer>;

const NAME = 'notifier.mdb';

const EMPTY: Omit<Meta, 'epoch' | 'owner'> = {
  serial: 0,
  forgottenSerial: 0,
  forgottenCreatedAt: null,
  clock: 0,
  bytes: 0,
  headBytes: 0,
  claimBytes: 0,
  doubtedAt: 0,
};

/** The LMDB environment: records in, records out, one commit at a time. */
export class LmdbFile {
  private isCommitting = false;

  private constructor(
    private readonly db: Database,
    private current: Meta,
    /** What of an earlier file was set aside because it could not be read. */
    readonly setAside: string | undefined,
  ) {}

  /**
   * Opens the folder's file, or begins one.
   *
   * @throws FolderError where another process has it open, or it cannot be read after all writes waited for the disk
   */
  static open(dir: string, sync: Owner['sync']): LmdbFile {
    mkdirSync(dir, { recursive: true });
    const path = join(dir, NAME);
    try {
      return own(openDatabase(path, sync), sync, undefined);
    } catch (error) {
      if (error instanceof FolderError) throw error;
      if (sync === 'full') throw unreadable(path, error);
      const aside = `${path}.unreadable-${Date.now()}`;
      renameSync(path, aside);
      return own(openDatabase(path, sync), sync, aside);
    }

    function own(db: Database, sync: Owner['sync'], aside: string | undefined): LmdbFile {
      return new LmdbFile(db, takeOver(db, sync, path), aside);
    }
  }

  /** As of the last commit that is known to be done. */
  get meta(): Meta {
    return this.current;
  }

  /**
   * Whether what is read now is what is remembered of the last commit. While one is on its way, the file may be ahead: it is done some
   * turns of the event loop before that is known here.
   */
  get isAsKnown(): boolean {
    return !this.isCommitting;
  }

  /** As the file has it, in the same snapshot as everything that is read in this turn. */
  readMeta(): Meta {
    return this.isAsKnown ? this.current : decodeMeta(this.db.get(metaKey)!);
  }

  get(key: Buffer): Buffer | undefined {
    return this.db.get(key);
  }

  /** The record that holds event `seq` of a user's log, or the nearest one before it. */
  chunkAt(accessId: string, seq: number): ChunkRecord | undefined {
    const start = chunkKey(accessId, seq);
    for (const { key, value } of this.db.getRange({
      start,
      end: chunkKey(accessId, 0),
      reverse: true,
      limit: 1,
    })) {
      return { firstSeq: seqOfChunkKey(key), record: value };
    }
    return undefined;
  }

  /** The record at a log's end. */
  lastChunk(accessId: string): ChunkRecord | undefined {
    return this.chunkAt(accessId, MAX_SEQ);
  }

  /** The records of a user's log that stand at `fromSeq` or behind it and before `endSeq`. */
  *chunks(accessId: string, fromSeq: number, endSeq = MAX_SEQ): Generator<ChunkRecord> {
    const range = { start: chunkKey(accessId, fromSeq), end: chunkKey(accessId, endSeq) };
    for (const { key, value } of this.db.getRange(range)) {
      yield { firstSeq: seqOfChunkKey(key), record: value };
    }
  }

  /** Keys of a range, in order. */
  *keys(range: { start: Buffer; end: Buffer }, limit?: number): Generator<Buffer> {
    yield* this.db.getKeys(limit === undefined ? range : { ...range, limit });
  }

  /** One transaction, and unless the file was opened otherwise, one flush to the disk. */
  async commit({ puts, removes }: Changes, meta: Meta): Promise<void> {
    this.isCommitting = true;
    try {
      await this.db.batch(() => {
        for (const key of removes.values()) void this.db.remove(key);
        for (const [key, value] of puts.values()) void this.db.put(key, value);
        void this.db.put(metaKey, encodeMeta(meta));
      });
      this.current = meta;
    } catch (error) {
      throw await causeOf(error);
    } finally {
      this.isCommitting = false;
      // What is read next must see it.
      this.db.resetReadTxn();
    }
  }

  /** Says that nothing is owed to the disk, and lets go of the file. */
  async close(): Promise<void> {
    await this.commit({ puts: new Map(), removes: new Map() }, { ...this.current, owner: null }).catch(
      ignore,
    );
    await this.db.flushed;
    await this.db.close();
  }
}

function ignore(): void {}

/** lmdb rejects with "see commitError", which is a promise that rejects with the cause. */
async function causeOf(error: unknown): Promise<unknown> {
  try {
    await (error as { commitError?: Promise<never> }).commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}

function openDatabase(path: string, sync: Owner['sync']): Database {
  return open<Buffer, Buffer>({
    path,
    encoding: 'binary',
    keyEncoding: 'binary',
    cache: false,
    compression: false,
    // With it, an event whose flush failed would stay stored after its rejection; it is as fast without.
    overlappingSync: false,
    // One commit at a time is made here; lmdb's own batches would have promises that nobody hears.
    eventTurnBatching: false,
    noSync: sync === 'process',
  });
}

/** Makes this process the file's owner, in one transaction: LMDB lets one process write at a time. */
function takeOver(db: Database, sync: Owner['sync'], path: string): Meta {
  const owner = thisProcess(sync);
  return db.transactionSync(() => {
    const record = db.get(metaKey);
    const found = record ? decodeMeta(record) : { ...EMPTY, epoch: newEpoch(), owner: null };
    if (found.owner && isAlive(found.owner)) {
      throw new FolderError(`${path} is in use by process ${found.owner.pid}: one process a folder`);
    }
    const isDoubtful = found.owner !== null && mayHaveLostWrites(found.owner);
    const doubtedAt = isDoubtful ? Math.max(found.clock, Date.now()) : found.doubtedAt;
    const meta: Meta = { ...found, doubtedAt, owner };
    db.putSync(metaKey, encodeMeta(meta));
    return meta;
  });
}

function unreadable(path: string, cause: unknown): FolderError {
  return new FolderError(`${path} cannot be read: move it away to start with an empty store`, { cause });
}
