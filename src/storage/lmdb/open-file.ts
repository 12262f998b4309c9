import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { newEpoch } from '../../notifier/position.js';
import { faultOf, isFromBeforeBoot } from './file-check.js';
import { FolderError } from './folder-error.js';
import { metaKey } from './keys.js';
import { LmdbFile, type Database } from './lmdb-file.js';
import { decodeMeta, encodeMeta, type Meta, type Owner } from './meta.js';
import { isAlive, mayHaveLostWrites, thisProcess } from './owner.js';
import { Reserve } from './reserve.js';

class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
}

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

/** @throws FolderError */
function makeFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reason = code === 'EEXIST' || code === 'ENOTDIR' ? 'a file stands in its place' : messageOf(error);
    throw new FolderError(`the data folder ${dir} cannot be made: ${reason}`);
  }
}

/**
 * Opens the folder's file, or begins one.
 *
 * @throws FolderError where another process has it open, it cannot be opened, or it cannot be read though all writes waited for the disk
 */
export function openFile(dir: string, sync: Owner['sync']): LmdbFile {
  const path = join(dir, NAME);
  try {
    makeFolder(dir);
    const fault = faultOf(path, sync === 'process' && isFromBeforeBoot(path));
    if (fault) throw new UnreadableError(fault);
    return openReadable(path, sync, undefined);
  } catch (error) {
    if (error instanceof FolderError) throw error;
    if (!isUnreadable(error)) throw new FolderError(`${path} cannot be opened: ${messageOf(error)}`);
    if (sync === 'full')
      throw new FolderError(
        `${path} cannot be read (${messageOf(error)}): move it away to start with an empty store`,
      );
    const aside = `${path}.unreadable-${Date.now()}`;
    renameSync(path, aside);
    return openReadable(path, sync, aside);
  }
}

function openReadable(path: string, sync: Owner['sync'], setAside: string | undefined): LmdbFile {
  const db = openDatabase(path, sync);
  const reserve = new Reserve(path);
  try {
    // Where this fails, the file is left as it is.
    db.get(metaKey);
    reserve.claimSync();
    return new LmdbFile(path, db, reserve, takeOver(db, sync, path), setAside);
  } catch (error) {
    reserve.close();
    void db.close();
    throw error;
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
    const found = record ? readMeta(record) : { ...EMPTY, epoch: newEpoch(), owner: null };
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

function readMeta(record: Buffer): Meta {
  try {
    return decodeMeta(record);
  } catch {
    throw new UnreadableError('what the file says of itself cannot be read');
  }
}

/** LMDB's codes for a file that is not what it should be: MDB_PAGE_NOTFOUND, MDB_CORRUPTED, MDB_VERSION_MISMATCH, MDB_INVALID. */
const UNREADABLE_CODES: ReadonlySet<unknown> = new Set([-30_797, -30_796, -30_794, -30_793]);

/** Not what cannot be written, or not be opened by this user: such a file is a good one, and is left alone. */
function isUnreadable(error: unknown): boolean {
  return error instanceof UnreadableError || UNREADABLE_CODES.has((error as { code?: unknown }).code);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
