import type { LogHead } from './log-head.js';

/** 250 bytes each: 16 MiB. A head that is not among them is one read of the file, 3 µs. */
const MAX_HEADS = 65_536;

/** The heads used last, as they are in the file. */
export class HeadCache {
  private recent = new Map<string, LogHead>();
  private older = new Map<string, LogHead>();

  get(accessId: string): LogHead | undefined {
    const head = this.recent.get(accessId);
    if (head) return head;
    const older = this.older.get(accessId);
    if (older) this.set(accessId, older);
    return older;
  }

  set(accessId: string, head: LogHead): void {
    this.older.delete(accessId);
    this.recent.set(accessId, head);
    if (this.recent.size < MAX_HEADS / 2) return;
    this.older = this.recent;
    this.recent = new Map();
  }

  delete(accessId: string): void {
    this.recent.delete(accessId);
    this.older.delete(accessId);
  }
}
