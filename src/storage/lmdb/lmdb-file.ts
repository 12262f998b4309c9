import type { RootDatabase } from 'lmdb';
import { FolderError } from './folder-error.js';
import { chunkKey, MAX_SEQ, metaKey, seqOfChunkKey } from './keys.js';
import { decodeMeta, encodeMeta, type Meta } from './meta.js';
import { isSameProcess } from './owner.js';
import type { Reserve } from './reserve.js';

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

export type Database = RootDatabase<Buffer, Buffer>;

/** The LMDB environment: records in, records out, one commit at a time. */
export class LmdbFile {
  constructor(
    private readonly path: string,
    private readonly db: Database,
    private readonly reserve: Reserve,
    private current: Meta,
    /** What of an earlier file was set aside because it could not be read. */
    readonly setAside: string | undefined,
  ) {}

  /** As of the last commit that this process knows to be done. */
  get meta(): Meta {
    return this.current;
  }

  /** As it stands beside the records that are read in the same turn of the event loop. */
  readMeta(): Meta {
    return decodeMeta(this.db.get(metaKey)!);
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
    await this.claim(this.reserve.bytesFor({ puts, removes }));
    this.assertOwned();
    const done = this.db.batch(() => {
      for (const key of removes.values()) void this.db.remove(key);
      for (const [key, value] of puts.values()) void this.db.put(key, value);
      void this.db.put(metaKey, encodeMeta(meta));
    });
    try {
      await done;
    } catch (error) {
      throw await causeOf(error);
    }
    this.reserve.proved();
    this.current = meta;
    // What is read next must see it.
    this.db.resetReadTxn();
  }

  /**
   * Makes sure that the disk has room for `bytes`.
   *
   * @throws Error with the system's code where it has not
   */
  claim(bytes: number): Promise<void> {
    return this.reserve.claim(bytes);
  }

  /** Who cannot see this process (from another container, another machine) may think that it is gone, and take the file over. */
  private assertOwned(): void {
    const { owner } = decodeMeta(this.db.get(metaKey)!);
    if (owner && !isSameProcess(owner, this.current.owner!)) {
      throw new FolderError(`${this.path} was taken over by process ${owner.pid}: one process a folder`);
    }
  }

  /** Says that nothing is owed to the disk, once it is so, and lets go of the file. */
  async close(): Promise<void> {
    try {
      await this.reserve.flush();
      await this.commit({ puts: new Map(), removes: new Map() }, { ...this.current, owner: null });
      await this.reserve.flush();
    } catch {
      // The file keeps its owner: whoever opens it next sees that the owner is gone.
    }
    this.reserve.close();
    await this.db.close();
  }
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
