/** Where positions are kept: `localStorage`, `sessionStorage`, or anything with `get` and `set`, a `Map` for one. */
export type PositionStorage =
  | {
      getItem(key: string): string | null | undefined | Promise<string | null | undefined>;
      setItem(key: string, value: string): unknown;
    }
  | {
      get(key: string): string | null | undefined | Promise<string | null | undefined>;
      set(key: string, value: string): unknown;
    };

/** How far the application has come: in memory, and in the storage where there is one. */
export class PositionStore {
  /** The id of the last event that the application has handled; `null` before the first. */
  position: string | null = null;
  #stored: string | null = null;
  #isStoring = false;
  readonly #storage: PositionStorage | undefined;
  readonly #key: string;

  constructor(storage: PositionStorage | undefined, key: string) {
    this.#storage = storage;
    this.#key = key;
  }

  async load(): Promise<string | null> {
    const storage = this.#storage;
    const found = storage && ('getItem' in storage ? storage.getItem(this.#key) : storage.get(this.#key));
    return (this.position = (await found) ?? null);
  }

  /** Never later than what was handled: a storage that is slow gets the newest of what came meanwhile. */
  save(position: string): void {
    this.position = position;
    if (this.#storage && !this.#isStoring) void this.#store(this.#storage);
  }

  async #store(storage: PositionStorage): Promise<void> {
    this.#isStoring = true;
    try {
      while (this.position !== null && this.position !== this.#stored) {
        const { position } = this;
        await ('setItem' in storage
          ? storage.setItem(this.#key, position)
          : storage.set(this.#key, position));
        this.#stored = position;
      }
    } catch {
      // Full, or forbidden: what is stored is older than it could be, and nothing is lost by that.
    }
    this.#isStoring = false;
  }
}
