import { FolderError } from './folder-error.js';
import { metaKey, ownerKey, ownerKeys } from './keys.js';
import { decodeMeta } from './meta.js';
import type { Database } from './tree.js';

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

  /** Sets it in the place of any other, within a transaction. */
  set(): void {
    for (const key of this.db.getKeys(ownerKeys)) this.db.removeSync(key);
    this.db.putSync(this.key, Buffer.alloc(0));
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
