import type { Arrival, IdempotencyClaim, Push } from '../notifier/event.js';
import { EventLog, StoreUnavailableError } from '../notifier/event-log.js';
import type {
  Announcement,
  AppendResult,
  LogExtent,
  LogListener,
  LogView,
  Page,
  Since,
  StoreExtent,
  StoreMemory,
} from '../notifier/event-log.js';
import { newEpoch, newTag, type Position } from '../notifier/position.js';
import { resolvePosition } from '../notifier/start-point.js';
import { type Bounds, CLAIMS_SHARE, type Clock, patientClock, steadyClock } from './bounds.js';
import { MemoryIdempotency } from './memory-idempotency.js';
import type { MemoryLog, Unannounced } from './memory-log.js';
import { MemoryLogs } from './memory-logs.js';

/** The users' logs in this process's memory: gone with it. */
export class MemoryEventLog extends EventLog {
  readonly name = 'memory';
  private readonly epoch = newEpoch();
  private serial = 0;
  private readonly logs: MemoryLogs;
  private readonly idempotency: MemoryIdempotency;
  private listener: LogListener | undefined;
  private readonly clock: Clock;
  private readonly claimsClock: Clock;
  private isClosed = false;

  /** @param systemClock instead of the machine's, for tests: then time passes by it too */
  constructor(
    private readonly bounds: Bounds,
    systemClock?: Clock,
  ) {
    super();
    this.clock = steadyClock(0, systemClock, systemClock);
    this.claimsClock = patientClock(this.clock, bounds.idempotencyTtlMs, systemClock);
    this.idempotency = new MemoryIdempotency(bounds.idempotencyTtlMs);
    this.logs = new MemoryLogs(bounds);
  }

  async append(push: Push): Promise<AppendResult> {
    this.assertOpen();
    const { events, idempotency } = push;
    const now = this.now(events.length);
    this.idempotency.expire(this.claimsClock());
    if (idempotency) {
      const claimed = this.claim(idempotency, now);
      if (claimed !== 'stored') return claimed;
    }
    if (events.length > 0) this.store(push, now);
    return 'stored';
  }

  /** The time, once some of what is over by then has been let go of. */
  private now(coming = 0): number {
    const now = this.clock();
    this.logs.expire(now, coming);
    return now;
  }

  private claim(claim: IdempotencyClaim, now: number): AppendResult {
    const known = this.idempotency.digestOf(claim.key);
    if (known !== undefined) return known === claim.digest ? 'repeated' : 'conflict';
    if (this.idempotency.bytes > this.bounds.totalBytes * CLAIMS_SHARE) {
      throw new StoreUnavailableError('idempotency keys take up their share of the store');
    }
    this.idempotency.add(claim, now);
    this.makeRoom();
    return 'stored';
  }

  private store({ events, arrival }: Push, now: number): void {
    this.serial++;
    const tag = newTag();
    const touched: MemoryLog[] = [];
    for (const event of events) {
      const log = this.logs.open(event.accessId, this.serial, now);
      if (!log.unannounced) {
        log.unannounced = announcementOf(log, arrival);
        touched.push(log);
      }
      log.unannounced.events.push(log.append(event, tag, now));
    }
    for (const log of touched) this.logs.pushed(log, this.serial, now);
    this.makeRoom();
    const announcements = touched.map(takeAnnouncement);
    this.listener?.appended(announcements);
  }

  async drop(accessId: string): Promise<number> {
    this.assertOpen();
    const now = this.now();
    this.serial++;
    const log = this.logs.open(accessId, this.serial, now);
    log.drops++;
    this.logs.pushed(log, this.serial, now);
    this.makeRoom();
    return log.drops;
  }

  private makeRoom(): void {
    this.logs.makeRoom(this.idempotency.bytes);
  }

  async view(accessId: string, seq: number): Promise<LogView> {
    return this.viewOf(this.logs.find(accessId, this.now()), seq);
  }

  private viewOf(log: MemoryLog | undefined, seq: number): LogView {
    return { head: log?.head(), store: this.memory(), tag: log?.tagAt(seq), trusted: true };
  }

  private memory(): StoreMemory {
    const { forgottenSerial, forgottenCreatedAt } = this.logs;
    const { epoch, serial } = this;
    return { epoch, serial, forgottenSerial, forgottenCreatedAt, tailLost: false, losses: 0 };
  }

  async read(
    accessId: string,
    after: Position,
    maxBytes: number,
    since: Since | undefined,
  ): Promise<Page | undefined> {
    // One moment for both: between two, an event after the position could expire.
    const log = this.logs.find(accessId, this.now());
    const start = resolvePosition(this.viewOf(log, after.seq), after);
    if (!start) return undefined;
    return log
      ? log.page(start, maxBytes, since)
      : { epoch: start.epoch, events: [], start, end: start, reachedHead: true };
  }

  async extent(accessId: string): Promise<LogExtent> {
    const log = this.logs.find(accessId, this.now());
    return (
      log?.extent() ?? { events: 0, bytes: 0, oldest: undefined, newest: undefined, trimmed: 0, drops: 0 }
    );
  }

  listen(listener: LogListener): void {
    this.listener = listener;
  }

  override storeExtent(): StoreExtent {
    return { bytes: this.bytes, maxBytes: this.bounds.totalBytes, trimmed: this.logs.trimmed };
  }

  isReady(): boolean {
    return !this.isClosed;
  }

  async close(): Promise<void> {
    this.isClosed = true;
  }

  /** Bytes of all that is kept, as bounded by `totalBytes`. */
  get bytes(): number {
    return this.logs.bytes + this.idempotency.bytes;
  }

  private assertOpen(): void {
    if (this.isClosed) throw new StoreUnavailableError('the store is closed');
  }
}

function announcementOf(log: MemoryLog, arrival: Arrival | undefined): Unannounced {
  const { accessId, epoch, seq: previousSeq, tag: previousTag } = log;
  return { accessId, epoch, previousSeq, previousTag, events: [], arrival };
}

function takeAnnouncement(log: MemoryLog): Announcement {
  const announcement = log.unannounced!;
  log.unannounced = undefined;
  return announcement;
}
