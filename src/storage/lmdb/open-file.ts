import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { open } from 'lmdb';
import { newEpoch } from '../../notifier/position.js';
import { faultOf } from './file-check.js';
import { FolderError } from './folder-error.js';
import type { JournalEntry } from './journal-entry.js';
import { Journal, JOURNALS, missingJournals, readJournals, setAsideForeign, syncFolder } from './journal.js';
import { metaKey } from './keys.js';
import { LmdbFile } from './lmdb-file.js';
import { decodeMeta, EMPTY, encodeMeta, type Meta, type Owner } from './meta.js';
import { OwnerMark } from './owner-mark.js';
import { isAlive, mayHaveLostWrites, thisProcess } from './owner.js';
import { PendingRecords } from './pending-records.js';
import { Reserve } from './reserve.js';
import { treeChanges, type Database } from './tree.js';

class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
}

const NAME = 'notifier.mdb';

const TAKEN_HINT =
  'a server already runs there: stop it, or give this one another NOTIFIER_DATA_DIR, and another PORT';

const JOURNAL_NAMES = JOURNALS.map((end) => NAME + end).join(', ');

/** 40,000 small events: a start after a crash takes 0.3 s for them. */
const JOURNAL_BYTES = 16 * 1024 * 1024;

/** A journal of small events takes 250 steps, and 10,000 pushes a second fill the next one in 4 s. */
const PAUSE_MS = 25;

export interface FileOptions {
  readonly dir: string;
  /** `full`: a commit waits for the disk. `process`: it does not, and a power loss may cost the newest of them. */
  readonly sync: Owner['sync'];
  /** Bytes after which the journal is carried over into the tree. */
  readonly journalBytes?: number;
  /** How long that gives way to commits before each of its steps, where it has time. */
  readonly pauseMs?: number;
}

/** @throws FolderError */
function makeFolder(dir: string): void {
  try {
    makeFolders(dir);
  } catch (error) {
    throw new FolderError(`the data folder ${dir} cannot be made: ${reasonOf(error)}`);
  }
}

/** One after the other: all at once, Node tries for ever where a file system takes none, as /proc does. */
function makeFolders(dir: string): void {
  if (isFolder(dir)) return;
  makeFolders(dirname(dir));
  try {
    mkdirSync(dir);
  } catch (error) {
    // Another process may have made it just now.
    if (!isFolder(dir)) throw error;
  }
  syncFolder(dirname(dir));
}

function isFolder(dir: string): boolean {
  return statSync(dir, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function reasonOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EEXIST' || code === 'ENOTDIR') return 'a file stands in its place';
  // Whatever it stands in is there.
  return code === 'ENOENT' ? 'no folder can be made there' : messageOf(error);
}

/**
 * Opens the folder's file, or begins one.
 *
 * @throws FolderError where another process has it open, it cannot be opened, or it cannot be read though all writes waited for the disk
 */
export function openFile(options: FileOptions): LmdbFile {
  const { dir, sync } = options;
  const path = join(dir, NAME);
  try {
    makeFolder(dir);
    const fault = faultOf(path);
    if (fault) throw new UnreadableError(fault);
    return openReadable(path, options);
  } catch (error) {
    if (error instanceof FolderError) throw error;
    if (!isUnreadable(error)) throw new FolderError(`${path} cannot be opened: ${messageOf(error)}`);
    if (sync === 'full')
      throw new FolderError(
        `${path} cannot be read (${messageOf(error)}): move it away with its journals (${JOURNAL_NAMES}) to start with an empty store`,
      );
    const aside = `${path}.unreadable-${Date.now()}`;
    for (const end of ['', ...JOURNALS]) if (existsSync(path + end)) renameSync(path + end, aside + end);
    return openReadable(path, options, aside);
  }
}

function openReadable(
  path: string,
  { sync, journalBytes = JOURNAL_BYTES, pauseMs = PAUSE_MS }: FileOptions,
  setAside?: string,
): LmdbFile {
  const db = openDatabase(path);
  const reserve = new Reserve(path);
  try {
    // Where this fails, the file is left as it is.
    assertReadable(db, path);
    const owner = thisProcess(sync);
    const mark = new OwnerMark(db, path, owner.mark);
    takeOver(db, reserve, owner, mark, path);
    // Of the journals as they were left: a doubt draws another.
    const { epoch } = metaIn(db);
    const { meta, missing } = readJournal(db, reserve, mark, path);
    // In a transaction, too: whoever takes the folder over next waits for its end, or is noticed.
    const [journal, foreign] = db.transactionSync(() => {
      mark.assertThere();
      const aside = setAsideForeign(path, epoch);
      const begun = new Journal(path, sync === 'full', journalBytes);
      mark.say(true);
      return [begun, aside];
    });
    return new LmdbFile(db, mark, reserve, journal, pauseMs, meta, {
      setAside,
      missingJournals: missing,
      foreignJournals: foreign,
    });
  } catch (error) {
    reserve.close();
    void db.close();
    throw error;
  }
}

/**
 * LMDB tells its readers apart by the numbers of their processes, and each container has its own: most often 1.
 *
 * @throws FolderError where a process of another container has the file, and the number of this one
 */
function assertReadable(db: Database, path: string): void {
  try {
    db.get(metaKey);
  } catch (error) {
    // After 10 s without a transaction lmdb reads from none. All that LMDB says itself is another error.
    if (!(error instanceof TypeError)) throw error;
    const owner = `process ${process.pid} of another container`;
    throw new FolderError(`${path} is in use by ${owner}: one process a folder`, TAKEN_HINT);
  }
}

/**
 * Bytes as they are, copied into Node's pool of buffers. lmdb's own `binary` gives each record, and its key, memory of its own: 1.2 µs to read one of
 * 100 that stand one behind the other, instead of 0.6.
 */
const PLAIN_VALUES = {
  encode: (value: Buffer) => value,
  /** @param shared where lmdb reads the next one into; only its `length` says how much of it */
  decode: (shared: Buffer) => pooled(shared, 0, shared.length),
};

const PLAIN_KEYS = {
  writeKey(key: Buffer, target: Buffer, start: number): number {
    target.set(key, start);
    return start + key.length;
  },
  readKey: pooled,
};

function pooled(source: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafe(end - start);
  copy.set(new Uint8Array(source.buffer, source.byteOffset + start, end - start));
  return copy;
}

/** New files are for this user alone, as the journals are: events are nobody else's. lmdb's types do not have it. */
const MODE = { permissionsMode: 0o600 };

function openDatabase(path: string): Database {
  return open<Buffer, Buffer>({
    path,
    ...MODE,
    encoder: PLAIN_VALUES,
    keyEncoder: PLAIN_KEYS,
    cache: false,
    compression: false,
    // With it, a flush that failed would not be heard of; it is as fast without.
    overlappingSync: false,
    // One transaction at a time is made here; lmdb's own batches would have promises that nobody hears.
    eventTurnBatching: false,
  });
}

/**
 * Makes this process the file's owner; LMDB lets one process write at a time. Who had it before may run all the same, out of sight in another container.
 * From here on it finds after each commit, before it answers, that the file is no longer its own: so the journals are read afterwards.
 */
function takeOver(db: Database, reserve: Reserve, owner: Owner, mark: OwnerMark, path: string): void {
  db.transactionSync(() => {
    const found = metaIn(db);
    if (found.owner && isAlive(found.owner)) {
      throw new FolderError(
        `${path} is in use by process ${found.owner.pid}: one process a folder`,
        TAKEN_HINT,
      );
    }
    reserve.claimSync(0);
    mark.set();
    // Whoever has taken the file over may have gone before it had read the journals.
    const predecessor = found.predecessor ?? found.owner;
    db.putSync(metaKey, encodeMeta({ ...found, owner, ...(predecessor && { predecessor }) }));
  });
}

interface ReadJournal {
  readonly meta: Meta;
  /** The journals that should be there. */
  readonly missing: readonly string[];
}

/** Carries over what the last owner left in the journals. */
function readJournal(db: Database, reserve: Reserve, mark: OwnerMark, path: string): ReadJournal {
  return db.transactionSync(() => {
    mark.assertThere();
    const { predecessor, ...found } = metaIn(db);
    const missing = mark.hasJournals ? missingJournals(path) : [];
    const hasLostWrites = predecessor !== undefined && mayHaveLostWrites(predecessor);
    const { entries, newest } = readJournals(path, found.epoch, found.commit);
    const last = entries.at(-1)?.meta ?? found;
    // Who did not wait for the disk may have lost what stood before the rest.
    if (newest !== last.commit && !hasLostWrites)
      throw new UnreadableError('a part of its journal is missing or damaged');
    carryOver(db, reserve, entries);
    // The place before a first event that was lost must be nobody's any more: it has no event of which to see that it is from before the doubt.
    const isDoubtful = hasLostWrites || missing.length > 0;
    const doubt = isDoubtful && { doubtedAt: Math.max(last.clock, Date.now()), epoch: newEpoch() };
    // What is left behind a gap must never be taken for what is to come.
    const meta: Meta = { ...last, commit: newest, owner: found.owner, ...doubt };
    db.putSync(metaKey, encodeMeta(meta));
    mark.say(false);
    return { meta, missing };
  });
}

function carryOver(db: Database, reserve: Reserve, entries: readonly JournalEntry[]): void {
  const records = new PendingRecords();
  for (const entry of entries) records.add(entry);
  const changes = [...treeChanges(db, records, true)];
  reserve.claimSync(reserve.bytesFor(changes));
  for (const { key, value } of changes) {
    if (value) db.putSync(key, value);
    else db.removeSync(key);
  }
}

function metaIn(db: Database): Meta {
  const record = db.get(metaKey);
  return record ? readMeta(record) : { ...EMPTY, epoch: newEpoch(), owner: null };
}

function readMeta(record: Buffer): Meta {
  try {
    const meta: Omit<Meta, 'commit'> & { commit?: number } = decodeMeta(record);
    // Before there was a journal, commits had no numbers.
    return { ...meta, commit: meta.commit ?? 0 };
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
