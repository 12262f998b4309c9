import { FolderError } from './folder-error.js';
import { metaKey, ownerKey, ownerKeys } from './keys.js';
import { decodeMeta } from './meta.js';
import type { PendingRecord } from './pending-records.js';
import type { Database } from './tree.js';

/** What a mark says of the journals: whether they may hold something, and so must be there. */
const HAS_JOURNALS = Buffer.of(1);
const HAS_NONE = Buffer.alloc(0);

/**
 * A record that stands in the file for as long as it is one process's. Who cannot see that process (from another container, another machine) may think that it is
 * gone, and take the file over: then the mark is another.
 */
export class OwnerMark {
  readonly key: Buffer;

  constructor(
    private readonly db: Database,
    private readonly path: string,
    mark: string,
  ) {
    this.key = ownerKey(mark);
  }

  /** Sets it in the place of any other, within a transaction. What the other said of the journals holds until they are read. */
  set(): void {
    let said: Buffer = HAS_NONE;
    for (const key of this.db.getKeys(ownerKeys)) {
      said = this.db.get(key)!;
      this.db.removeSync(key);
    }
    this.db.putSync(this.key, said);
  }

  /** Whether journals must be there: who had the file had begun some, and was not done with them. */
  get hasJournals(): boolean {
    return this.db.get(this.key)?.equals(HAS_JOURNALS) ?? false;
  }

  /** Says within a transaction that journals must be there, or need not. */
  say(hasJournals: boolean): void {
    this.db.putSync(this.key, hasJournals ? HAS_JOURNALS : HAS_NONE);
  }

  /** The record that says that no journals need be there. */
  get withoutJournals(): PendingRecord {
    return { key: this.key, value: HAS_NONE };
  }

  /** @throws FolderError where another process has taken the file over */
  assertThere(): void {
    // As it is now: whatever else was read in this turn of the event loop is as it was then. 0.7 µs, all together.
    this.db.resetReadTxn();
    if (!this.db.doesExist(this.key)) throw this.lost();
  }

  /** What is to be said of a file that is no longer this process's. */
  lost(): FolderError {
    const { owner } = decodeMeta(this.db.get(metaKey)!);
    const other = owner ? `process ${owner.pid}` : 'another process';
    return new FolderError(`${this.path} was taken over by ${other}: one process a folder`);
  }
}
