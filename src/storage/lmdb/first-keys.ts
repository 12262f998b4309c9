/**
 * Of each kind of record, a key before which none of that kind stands: what is let go of goes oldest first, and whoever looks for the oldest would pass
 * over all that has gone since the tree was last written, again and again (18 ms a commit in a store that is full, instead of 0.2).
 */
export class FirstKeys {
  private readonly known = new Map<number, Buffer>();

  /** Where to begin to look for keys of the kind of `key`. */
  of(key: Buffer): Buffer {
    return this.known.get(key[0]!) ?? key.subarray(0, 1);
  }

  /** Notes that nothing of its kind stands before `key`, as someone has found who began where `of` says. */
  are(key: Buffer): void {
    this.known.set(key[0]!, key);
  }

  /** Notes a new record. */
  note(key: Buffer): void {
    const first = this.known.get(key[0]!);
    if (first && key.compare(first) < 0) this.known.set(key[0]!, key);
  }
}
