import {
  close,
  closeSync,
  constants,
  existsSync,
  fdatasync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  write,
  type Stats,
} from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { decodeEntries, epochOf, newestNumber, type JournalEntry } from './journal-entry.js';

/** A file grows by so many zeros at a time. Writing where something stands already costs the disk one step less: 190 µs instead of 300. */
const STEP_BYTES = 1024 * 1024;

const ZEROS = Buffer.alloc(STEP_BYTES);

/** What follows in the names of the journals on that of the store's file. */
export const JOURNALS = ['-journal-1', '-journal-2'];

/** Beyond so many times the bytes after which it should be carried over, commits wait for that. */
const MOST_LENGTHS = 4;

/** With it, a write that is done is on the disk: one call instead of two. Elsewhere it does not reach as far as fdatasync(2). */
const WRITE_THROUGH = process.platform === 'linux' ? constants.O_DSYNC : 0;

const writeAsync = promisify(write);
const fdatasyncAsync = promisify(fdatasync);
const closeAsync = promisify(close);

/** A journal file can take no more, and nothing of what it was to take has been written. */
export class JournalFullError extends Error {
  override readonly name = 'JournalFullError';
}

/** Bytes of a piece of memory for entries. Only what is written to costs any. */
const BLOCK_BYTES = 4 * 1024 * 1024;

/**
 * Memory for the entries of one file, used over and over as the file is. With a buffer for each entry, V8 looked through the whole heap every second,
 * because of the bytes outside it.
 */
class EntryMemory {
  private readonly blocks: Buffer[] = [];
  private used = BLOCK_BYTES;

  /** @param spare blocks that nobody uses, for all files */
  constructor(private readonly spare: Buffer[]) {}

  /** For the next entry. Until it is kept, the one after it has the same. */
  next(bytes: number): Buffer {
    if (bytes > BLOCK_BYTES) return Buffer.allocUnsafeSlow(bytes);
    if (this.used + bytes > BLOCK_BYTES) {
      this.blocks.push(this.spare.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES));
      this.used = 0;
    }
    return this.blocks.at(-1)!.subarray(this.used, this.used + bytes);
  }

  keep(entry: Buffer): void {
    if (entry.buffer === this.blocks.at(-1)?.buffer) this.used += entry.length;
  }

  release(): void {
    this.spare.push(...this.blocks.splice(0));
    this.used = BLOCK_BYTES;
  }
}

/** Entries one behind the other in a file that is written over and over. */
class JournalFile {
  readonly memory: EntryMemory;
  private readonly fd: number;
  private readonly own: Stats;
  size = 0;
  position = 0;

  constructor(
    readonly path: string,
    private readonly waitsForDisk: boolean,
    spare: Buffer[],
  ) {
    this.memory = new EntryMemory(spare);
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL;
    this.fd = openSync(path, flags | (waitsForDisk ? WRITE_THROUGH : 0), 0o600);
    this.own = fstatSync(this.fd);
  }

  /**
   * Writes an entry behind those that stand there, and unless the file was opened otherwise, waits until the disk has it.
   *
   * @throws JournalFullError where there is no room for it
   * @throws Error with the system's code where it could not be written, or will not outlive this process: the next one takes its place
   */
  async append(entry: Buffer): Promise<void> {
    if (!this.isInPlace) throw new Error(`${this.path} was deleted or moved while the server runs`);
    const end = this.position + entry.length;
    if (end > this.size) await this.grow(end);
    await this.write(entry, this.position);
    if (this.waitsForDisk && WRITE_THROUGH === 0) await this.flush();
    this.position = end;
    this.memory.keep(entry);
  }

  /**
   * Whether it stands where it was made. One without a name is gone with whoever has it open, and under another nobody would look for it: somebody deleted or
   * moved the folder. 2 µs a commit, of which fstat(2) would take 1.
   */
  private get isInPlace(): boolean {
    const found = statSync(this.path, { throwIfNoEntry: false });
    return found?.ino === this.own.ino && found.dev === this.own.dev;
  }

  /** Takes its name away, and never that of a file of another process that stands there now. */
  remove(): void {
    if (this.isInPlace) rmSync(this.path);
  }

  private async grow(needed: number): Promise<void> {
    try {
      while (this.size < needed) {
        await this.write(ZEROS, this.size);
        this.size += ZEROS.length;
      }
    } catch (cause) {
      throw new JournalFullError((cause as Error).message, { cause });
    }
  }

  private async write(bytes: Buffer, at: number): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const { bytesWritten } = await writeAsync(this.fd, bytes, done, bytes.length - done, at + done);
      done += bytesWritten;
    }
  }

  /** Waits until the disk has all that was written. */
  async flush(): Promise<void> {
    await fdatasyncAsync(this.fd);
  }

  /** From now on it is written over, and so is the memory of its entries. */
  rewind(): void {
    this.position = 0;
    this.memory.release();
  }

  async close(): Promise<void> {
    await closeAsync(this.fd);
  }
}

/**
 * What was committed since the tree was last written, in the order of the commits: a commit costs one write to the end of a file. Two files take
 * turns: while the commits of one are being carried over into the tree, the other takes the new ones.
 */
export class Journal {
  private readonly files: readonly JournalFile[];
  private active: JournalFile;
  private idle: JournalFile;
  /** The file that was turned away from, until it is released. */
  private retired: JournalFile | undefined;

  /**
   * Begins anew: what earlier processes have left is taken away.
   *
   * @param path of the store's file
   * @param lengthBytes after which it should be carried over
   */
  constructor(
    path: string,
    private readonly waitsForDisk: boolean,
    private readonly lengthBytes: number,
  ) {
    const spare: Buffer[] = [];
    this.files = journalPaths(path).map((file) => {
      // A new file, not the old one anew: a process that does not know that it lost the folder still has that one.
      rmSync(file, { force: true });
      return new JournalFile(file, waitsForDisk, spare);
    });
    this.active = this.files[0]!;
    this.idle = this.files[1]!;
    syncFolder(dirname(path));
  }

  /** Of the bytes after which it should be carried over, how large a share it has. */
  get fullness(): number {
    return this.active.position / this.lengthBytes;
  }

  /** Whether it is time to carry it over. */
  get isLong(): boolean {
    return this.fullness >= 1;
  }

  /** Whether that should have happened long ago. */
  get isTooLong(): boolean {
    return this.fullness >= MOST_LENGTHS;
  }

  /** Memory for the entry that is to be appended next. It stays as it is until the file that takes the entry is released. */
  memory(bytes: number): Buffer {
    return this.active.memory.next(bytes);
  }

  /** @throws JournalFullError, Error with the system's code */
  append(entry: Buffer): Promise<void> {
    return this.active.append(entry);
  }

  /** Of what was turned away from. */
  get retiredBytes(): number {
    return this.retired?.position ?? 0;
  }

  /** From now on, entries go into the other file. */
  turn(): void {
    this.retired = this.active;
    this.active = this.idle;
  }

  /** The file that was turned away from may be written over. */
  release(): void {
    this.idle = this.retired!;
    this.idle.rewind();
    this.retired = undefined;
  }

  /** To be called before what was turned away from is carried over. */
  async flushRetired(): Promise<void> {
    if (!this.waitsForDisk) await this.retired?.flush();
  }

  /** Begins in the longer file: all that either holds was carried over, and the disk may have no room for more. */
  restart(): void {
    this.active.rewind();
    if (this.idle.size > this.active.size) [this.active, this.idle] = [this.idle, this.active];
  }

  /** Takes the files' names away: all that they hold was carried over. */
  remove(): void {
    for (const file of this.files) file.remove();
  }

  async close(): Promise<void> {
    for (const file of this.files) await file.close();
  }
}

/** What the journals of a store's file hold. */
export interface Journaled {
  /** The commits that follow on the tree, in order. */
  readonly entries: readonly JournalEntry[];
  /** The highest number that stands anywhere. Where it is not that of the last of `entries`, some are missing in between. */
  readonly newest: number;
}

/**
 * Reads the journals.
 *
 * @param path of the store's file
 * @param commit the number of the last commit that the tree has
 */
export function readJournals(path: string, epoch: string, commit: number): Journaled {
  const files = journalPaths(path).map(readOrEmpty);
  const chains = files
    .map((file) => [...decodeEntries(file, epoch)])
    .filter((chain) => chain.length > 0)
    .sort(([a], [b]) => a!.number - b!.number);
  const entries: JournalEntry[] = [];
  let last = commit;
  for (const [i, chain] of chains.entries()) {
    // Where a file could not grow, its last entry may have been refused and its number used again in the other.
    const end = chains[i + 1]?.[0]!.number ?? Infinity;
    for (const entry of chain) {
      if (entry.number !== last + 1 || entry.number >= end) continue;
      entries.push(entry);
      last = entry.number;
    }
  }
  return { entries, newest: Math.max(last, ...files.map((file) => newestNumber(file, epoch))) };
}

/** The journals that are not there. */
export function missingJournals(path: string): string[] {
  return journalPaths(path).filter((file) => !existsSync(file));
}

/**
 * Gives the journals other names that are of another store: its file was moved away without them, and they may hold what that has not.
 *
 * @returns the new names
 */
export function setAsideForeign(path: string, epoch: string): string[] {
  const foreign = journalPaths(path).filter((file) => (epochOf(readOrEmpty(file)) ?? epoch) !== epoch);
  return foreign.map((file) => {
    const aside = `${file}.foreign-${Date.now()}`;
    renameSync(file, aside);
    return aside;
  });
}

function journalPaths(path: string): string[] {
  return JOURNALS.map((end) => path + end);
}

function readOrEmpty(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

/** The names of new files are on the disk. Not every system lets a folder be opened. */
export function syncFolder(dir: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(dir, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
