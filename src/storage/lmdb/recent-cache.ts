/** What was used last of each user's log. */
export class RecentCache<T> {
  private recent = new Map<string, T>();
  private older = new Map<string, T>();

  /** @param most that are kept, of which half are sure to be */
  constructor(private readonly most: number) {}

  get(accessId: string): T | undefined {
    const value = this.recent.get(accessId);
    if (value) return value;
    const older = this.older.get(accessId);
    if (older) this.set(accessId, older);
    return older;
  }

  set(accessId: string, value: T): void {
    this.older.delete(accessId);
    this.recent.set(accessId, value);
    if (this.recent.size < this.most / 2) return;
    this.older = this.recent;
    this.recent = new Map();
  }

  delete(accessId: string): void {
    this.recent.delete(accessId);
    this.older.delete(accessId);
  }
}
