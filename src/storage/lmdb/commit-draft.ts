import { createHash } from 'node:crypto';
import type { IdempotencyClaim, Push } from '../../notifier/event.js';
import type { Announcement, AppendResult } from '../../notifier/event-log.js';
import { type Bounds, CLAIMS_SHARE } from '../bounds.js';
import { claimKey, expiryKey } from './keys.js';
import type { Changes, LogChanges } from './journal-entry.js';
import type { LmdbFile } from './lmdb-file.js';
import { LogDraft } from './log-draft.js';
import type { LogHead } from './log-head.js';
import type { Meta } from './meta.js';

/** Heads may take this share of the bytes before the oldest of them are forgotten for lack of room. */
const HEADS_SHARE = 0.25;

/** On the store's clock, and on that by which idempotency keys are over. */
interface Times {
  readonly now: number;
  readonly claims: number;
}

/** One commit in the making: what many pushes and drops change, as one transaction. */
export class CommitDraft implements Changes {
  /** What `LogDraft.write` and `forget` add. */
  readonly chunks: LogChanges[] = [];
  readonly puts = new Map<string, readonly [Buffer, Buffer]>();
  readonly removes = new Map<string, Buffer>();
  readonly logs = new Map<string, LogDraft>();
  readonly forgotten = new Set<string>();
  /** Of all keys and values after the commit. Whoever adds to `chunks` keeps it. */
  bytes: number;
  /** Of these, of heads without events. */
  headBytes: number;
  /** Events that the commit lets go of. */
  trimmed = 0;
  private claimBytes: number;
  private serial: number;
  private forgottenSerial: number;
  private forgottenCreatedAt: number;

  constructor(
    private readonly file: LmdbFile,
    private readonly bounds: Bounds,
    private readonly times: Times,
    private readonly headOf: (accessId: string) => LogHead | undefined,
    private readonly isOver: (head: LogHead) => boolean,
  ) {
    const { meta } = file;
    this.bytes = meta.bytes;
    this.headBytes = meta.headBytes;
    this.claimBytes = meta.claimBytes;
    this.serial = meta.serial;
    this.forgottenSerial = meta.forgottenSerial;
    this.forgottenCreatedAt = meta.forgottenCreatedAt ?? -Infinity;
  }

  /** @returns `full` where idempotency keys have used up their share of the bytes */
  append({ events, idempotency, arrival }: Push): AppendResult | 'full' {
    const claimed = idempotency ? this.claim(idempotency) : 'stored';
    if (claimed !== 'stored' || events.length === 0) return claimed;
    this.serial++;
    for (const event of events) this.log(event.accessId).add(event, this.serial, arrival);
    return 'stored';
  }

  drop(accessId: string): number {
    this.serial++;
    return this.log(accessId).drop(this.serial);
  }

  /** Lets go of a log whose time is over: of its events, and of its head in due course. */
  expire(accessId: string): void {
    const head = this.headOf(accessId);
    if (!head || this.logs.has(accessId) || this.forgotten.has(accessId)) return;
    if (this.isOver(head)) this.forget(accessId, head);
    else this.log(accessId);
  }

  /** Lets go of claims that count no more. */
  expireClaim(expires: number, hash: Buffer): void {
    const claim = this.find(claimKey(hash));
    this.countClaim(() => {
      this.remove(expiryKey(expires, hash), 0);
      if (claim && claim.readDoubleLE(32) === expires) this.remove(claimKey(hash), claim.length);
    });
  }

  /** Trims what was touched and makes room for it. To be called once, last. */
  finish(): Meta {
    for (const log of this.logs.values()) {
      log.trim();
      log.write(this);
    }
    this.makeRoom();
    for (const log of this.logs.values()) this.trimmed += log.trimmed;
    const { serial, forgottenSerial, bytes, headBytes, claimBytes } = this;
    const forgottenCreatedAt = Number.isFinite(this.forgottenCreatedAt) ? this.forgottenCreatedAt : null;
    const changed = {
      serial,
      forgottenSerial,
      forgottenCreatedAt,
      bytes,
      headBytes,
      claimBytes,
      clock: this.times.now,
    };
    const { meta } = this.file;
    return { ...meta, ...changed, commit: meta.commit + 1 };
  }

  /** What the commit's logs have to tell, once it is done. */
  announcements(): Announcement[] {
    const announcements: Announcement[] = [];
    for (const { accessId, head, previousSeq, previousTag, added, arrival } of this.logs.values()) {
      if (added.length === 0) continue;
      announcements.push({ accessId, epoch: head.epoch, previousSeq, previousTag, events: added, arrival });
    }
    return announcements;
  }

  put(key: Buffer, value: Buffer): void {
    const name = key.toString('latin1');
    this.removes.delete(name);
    this.puts.set(name, [key, value]);
    this.bytes += key.length + value.length;
  }

  /**
   * Takes a record out; once is enough.
   *
   * @param size bytes of the value that stands there
   */
  remove(key: Buffer, size: number): void {
    const name = key.toString('latin1');
    if (this.removes.has(name)) return;
    this.removes.set(name, key);
    this.bytes -= key.length + size;
  }

  /** A record as it will stand after the commit. */
  private find(key: Buffer): Buffer | undefined {
    const name = key.toString('latin1');
    return this.puts.get(name)?.[1] ?? (this.removes.has(name) ? undefined : this.file.get(key));
  }

  private log(accessId: string): LogDraft {
    let log = this.logs.get(accessId);
    if (log) return log;
    let before = this.forgotten.has(accessId) ? undefined : this.headOf(accessId);
    if (before && this.isOver(before)) {
      this.forget(accessId, before);
      before = undefined;
    }
    log = this.draft(accessId, before);
    this.logs.set(accessId, log);
    return log;
  }

  private draft(accessId: string, before: LogHead | undefined): LogDraft {
    const { serial, forgottenCreatedAt } = this;
    return new LogDraft(
      accessId,
      before,
      { serial, forgottenCreatedAt },
      this.file,
      this.bounds,
      this.times.now,
    );
  }

  private claim({ key, digest }: IdempotencyClaim): AppendResult | 'full' {
    const hash = createHash('sha256').update(key).digest();
    const place = claimKey(hash);
    const found = this.find(place);
    if (found && found.readDoubleLE(32) > this.times.claims) {
      return found.toString('hex', 0, 32) === digest ? 'repeated' : 'conflict';
    }
    if (this.claimBytes > this.bounds.totalBytes * CLAIMS_SHARE) return 'full';
    const expires = this.times.now + this.bounds.idempotencyTtlMs;
    const record = Buffer.allocUnsafe(40);
    record.write(digest, 'hex');
    record.writeDoubleLE(expires, 32);
    this.countClaim(() => {
      if (found) this.remove(place, found.length);
      this.put(place, record);
      this.put(expiryKey(expires, hash), Buffer.alloc(0));
    });
    return 'stored';
  }

  private countClaim(change: () => void): void {
    const before = this.bytes;
    change();
    this.claimBytes += this.bytes - before;
  }

  private forget(accessId: string, head: LogHead): void {
    const log = this.draft(accessId, head);
    log.clear();
    log.forget(this);
    this.trimmed += log.trimmed;
    this.forgotten.add(accessId);
    this.forgottenSerial = Math.max(this.forgottenSerial, head.pushedSerial);
    this.forgottenCreatedAt = Math.max(this.forgottenCreatedAt, log.head.trimmedCreatedAt);
  }

  /** The least recently pushed logs lose their events, and the oldest heads are forgotten, until what there is fits. */
  private makeRoom(): void {
    const { totalBytes } = this.bounds;
    if (this.bytes <= totalBytes) return;
    if (this.headBytes > totalBytes * HEADS_SHARE) this.evict(false);
    this.evict(true);
    this.evict(false);
  }

  private evict(logsWithEvents: boolean): void {
    for (const accessId of this.file.logsByHour.oldestFirst(logsWithEvents)) {
      if (this.bytes <= this.bounds.totalBytes) return;
      if (this.logs.has(accessId) || this.forgotten.has(accessId)) continue;
      const head = this.headOf(accessId)!;
      if (logsWithEvents) {
        const log = this.draft(accessId, head);
        log.clear();
        log.write(this);
        this.logs.set(accessId, log);
      } else this.forget(accessId, head);
    }
  }
}
