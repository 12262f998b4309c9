import { closeSync, fstatSync, openSync, write, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { usedBytes } from './meta-pages.js';

const PAGE_BYTES = 4096;
/** What a transaction needs whatever it changes: the upper levels of the tree, and the list of free pages. */
const SLACK_BYTES = 1024 * 1024;
/** The file grows by at least this: 250 pushes of 16 KiB. */
const STEP_BYTES = 4 * 1024 * 1024;

/** For how long a write that succeeded shows that the next one will not fail for another reason than room. */
const PROOF_MS = 5;

const ZEROS = Buffer.alloc(1024 * 1024);

const writeAsync = promisify(write);

/** What a transaction puts in the place of a record; nothing where it takes the record out. */
interface Change {
  readonly value: Buffer | undefined;
}

/**
 * Room on the disk behind the pages in use, claimed by writing zeros there before LMDB writes. So a full disk is an error of this write, and
 * nothing has been begun; LMDB (as of lmdb 3.5) describes a write of its own that failed in a buffer that is too small for the words,
 * and the process can end with that. On file systems that compress or copy on write this is no guarantee.
 */
export class Reserve {
  private readonly fd: number;
  /** Whatever is written to it comes behind the end of the file: who has lost the file unawares overwrites nothing. */
  private readonly end: number;
  /** How far the file goes, at least. */
  private size = 0;
  private provedAt = -Infinity;

  /** @param path of LMDB's file, which must exist */
  constructor(path: string) {
    this.fd = openSync(path, 'r+');
    this.end = openSync(path, 'a');
  }

  /** As `claim`, for what opening the file writes. To be called within its transactions: before them, the file can be another process's. */
  claimSync(bytes: number): void {
    for (const length of this.missing(bytes)) this.size += writeSync(this.end, ZEROS, 0, length);
    writeSync(this.fd, ZEROS, 0, 1, this.size - 1);
  }

  /**
   * Makes sure that there is room for `bytes` and what comes with them.
   *
   * @throws Error with the system's code where there is not
   */
  async claim(bytes: number): Promise<void> {
    for (const length of this.missing(bytes)) {
      const { bytesWritten } = await writeAsync(this.end, ZEROS, 0, length, null);
      this.size += bytesWritten;
    }
    // A file system that takes nothing at all any more (it failed, and is read-only now) says so here, or has taken something just now.
    if (performance.now() > this.provedAt + PROOF_MS) await writeAsync(this.fd, ZEROS, 0, 1, this.size - 1);
  }

  /** Notes that the file system has just taken what was written. */
  proved(): void {
    this.provedAt = performance.now();
  }

  /** What is to be written to the end of the file, piece by piece, until there is room. */
  private *missing(bytes: number): Generator<number> {
    const needed = this.used + bytes + SLACK_BYTES;
    if (this.size >= needed) return;
    this.size = fstatSync(this.fd).size;
    if (this.size >= needed) return;
    const target = Math.max(needed, this.size + STEP_BYTES);
    while (this.size < target) yield Math.min(ZEROS.length, target - this.size);
  }

  /**
   * How much a transaction writes at most: its records in whole pages, and a new copy of every page of the tree that has one of its keys, of
   * which some split.
   */
  bytesFor(changes: readonly Change[]): number {
    let bytes = 0;
    for (const { value } of changes) if (value) bytes += value.length + PAGE_BYTES;
    return bytes + Math.min(changes.length * PAGE_BYTES, this.used);
  }

  private get used(): number {
    return usedBytes(this.fd) ?? 0;
  }

  close(): void {
    closeSync(this.fd);
    closeSync(this.end);
  }
}
