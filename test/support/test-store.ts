import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readConfig } from '../../src/config.js';
import type { EventLog } from '../../src/notifier/event-log.js';
import type { Bounds, Clock } from '../../src/storage/bounds.js';
import { LmdbEventLog } from '../../src/storage/lmdb-event-log.js';
import { MemoryEventLog } from '../../src/storage/memory-event-log.js';

/** What every behaviour of the core is shown with. */
export const STORES = ['memory', 'lmdb'] as const;
export type StoreName = (typeof STORES)[number];

/** A real store of a test: memory, or LMDB in a temporary folder. */
export class TestStore {
  private readonly dir = mkdtempSync(join(tmpdir(), 'notifier-'));

  constructor(readonly name: StoreName) {}

  /** What tells an application or a process of its own to use it. */
  get environment(): Record<string, string> {
    return { NOTIFIER_STORE: this.name, NOTIFIER_DATA_DIR: this.dir };
  }

  /** The store as a provider can have it. LMDB is opened again with all that it held; memory begins empty. */
  open(bounds: Partial<Bounds> = {}, systemClock: Clock = Date.now): EventLog {
    const all = { ...readConfig({}).bounds, ...bounds };
    if (this.name === 'memory') return new MemoryEventLog(all, systemClock);
    return LmdbEventLog.open({ dir: this.dir, sync: 'process', bounds: all, systemClock });
  }

  /** The names of what is in its folder. */
  files(): string[] {
    return readdirSync(this.dir);
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
