/** What the file remembers of itself as a whole. */
export interface Meta {
  /** See `StoreMemory`. */
  readonly epoch: string;
  readonly serial: number;
  /** The number of the last commit: the tree's own record names the last one that was carried over from the journal. */
  readonly commit: number;
  readonly forgottenSerial: number;
  /** `null` stands for -Infinity, which JSON does not have. */
  readonly forgottenCreatedAt: number | null;
  /** The store's clock at the last commit: it never goes back behind it. */
  readonly clock: number;
  /** Bytes of all keys and values but this record. */
  readonly bytes: number;
  /** Of these, the bytes of heads without events. */
  readonly headBytes: number;
  /** Of these, the bytes of idempotency claims. */
  readonly claimBytes: number;
  /** When the file may have lost its newest commits, on the store's clock; 0 where it never may have. */
  readonly doubtedAt: number;
  /** Who has the file open. */
  readonly owner: Owner | null;
  /** Who had it open before, until the owner has read what that left in the journals. */
  readonly predecessor?: Owner;
}

/** A process that writes without waiting for the disk leaves the file in doubt if the machine goes down under it. */
export interface Owner {
  readonly pid: number;
  /** When the process began, in clock ticks after the boot: a process id comes again, the two together do not. */
  readonly startedAt: string;
  readonly bootId: string;
  /** Drawn for each time that it opens a file. */
  readonly mark: string;
  readonly sync: 'full' | 'process';
}

/** Of a store in which nothing has been committed. */
export const EMPTY: Omit<Meta, 'epoch' | 'owner'> = {
  serial: 0,
  commit: 0,
  forgottenSerial: 0,
  forgottenCreatedAt: null,
  clock: 0,
  bytes: 0,
  headBytes: 0,
  claimBytes: 0,
  doubtedAt: 0,
};

export function encodeMeta(meta: Meta): Buffer {
  return Buffer.from(JSON.stringify(meta));
}

export function decodeMeta(record: Buffer): Meta {
  return JSON.parse(record.toString()) as Meta;
}
