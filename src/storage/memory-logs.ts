import { type Bounds, HOUR_MS } from './bounds.js';
import { MemoryLog } from './memory-log.js';
import { TextArena } from './text-arena.js';

/** Heads may take this share of the bytes before the oldest of them are forgotten for lack of room. */
const HEADS_SHARE = 0.25;

/** All logs in memory, by user and by the hour of their last push, and what is remembered of those forgotten. */
export class MemoryLogs {
  forgottenSerial = 0;
  forgottenCreatedAt = -Infinity;
  bytes = 0;
  /** Events let go of, in all. */
  trimmed = 0;
  private headBytes = 0;
  /** The hour in which `clearExpired` last looked, and up to which hour of their last push it has cleared all logs. */
  private clearedIn = 0;
  private clearedUpTo = 0;
  private readonly arena = new TextArena();
  private readonly byUser = new Map<string, MemoryLog>();
  /** Hours in ascending order: a log enters at the newest. */
  private readonly byHour = new Map<number, Set<MemoryLog>>();

  constructor(private readonly bounds: Bounds) {}

  /** Lets go of what is over by now, most of it: what is too old in a log goes when that is looked at. */
  expire(now: number): void {
    this.forgetExpired(now);
    this.clearExpired(now);
  }

  /** The log of a user as it is now, if there is one. */
  find(accessId: string, now: number): MemoryLog | undefined {
    const log = this.byUser.get(accessId);
    if (log?.expire(now)) this.account(log);
    return log;
  }

  /** The log of a user, begun where there is none. */
  open(accessId: string, serial: number, now: number): MemoryLog {
    const found = this.find(accessId, now);
    if (found) return found;
    const log = new MemoryLog(accessId, serial, this.forgottenCreatedAt, this.bounds, this.arena);
    this.byUser.set(accessId, log);
    return log;
  }

  /** Notes that a log was appended to or dropped. */
  pushed(log: MemoryLog, serial: number, now: number): void {
    log.pushedSerial = serial;
    const hour = Math.floor(now / HOUR_MS);
    if (hour !== log.pushedHour) this.enterHour(log, hour);
    this.account(log);
  }

  /** Lets go of events, the least recently pushed logs' first, and then of heads, until what there is fits. */
  makeRoom(otherBytes: number): void {
    const { totalBytes } = this.bounds;
    if (this.bytes + otherBytes <= totalBytes) return;
    for (const log of this.oldestFirst()) {
      if (this.bytes + otherBytes <= totalBytes) return;
      if (this.headBytes > totalBytes * HEADS_SHARE && log.length === 0) this.forget(log);
      else this.clear(log);
    }
    for (const log of this.oldestFirst()) {
      if (this.bytes + otherBytes <= totalBytes) return;
      this.forget(log);
    }
  }

  private *oldestFirst(): Generator<MemoryLog> {
    for (const logs of this.byHour.values()) yield* logs;
  }

  private forgetExpired(now: number): void {
    const lifetime = this.bounds.bufferTtlMs + this.bounds.headTtlMs;
    for (const [hour, logs] of this.byHour) {
      // The whole hour must have passed: a head may live an hour longer, never less.
      if ((hour + 1) * HOUR_MS + lifetime > now) return;
      for (const log of logs) this.forget(log);
    }
  }

  /** Logs that nobody looks at would keep what is too old for as long as their heads live. Once an hour. */
  private clearExpired(now: number): void {
    const hour = Math.floor(now / HOUR_MS);
    if (hour === this.clearedIn) return;
    this.clearedIn = hour;
    for (const [pushedHour, logs] of this.byHour) {
      if ((pushedHour + 1) * HOUR_MS + this.bounds.bufferTtlMs > now) return;
      if (pushedHour <= this.clearedUpTo) continue;
      this.clearedUpTo = pushedHour;
      for (const log of logs) this.clear(log);
    }
  }

  private clear(log: MemoryLog): void {
    log.clear();
    this.account(log);
  }

  private forget(log: MemoryLog): void {
    this.clear(log);
    this.forgottenSerial = Math.max(this.forgottenSerial, log.pushedSerial);
    this.forgottenCreatedAt = Math.max(this.forgottenCreatedAt, log.trimmedCreatedAt);
    this.byUser.delete(log.accessId);
    this.leaveHour(log);
    this.bytes -= log.accountedBytes;
    this.headBytes -= log.accountedHeadBytes;
  }

  private enterHour(log: MemoryLog, hour: number): void {
    this.leaveHour(log);
    log.pushedHour = hour;
    const logs = this.byHour.get(hour);
    if (logs) logs.add(log);
    else this.byHour.set(hour, new Set([log]));
  }

  private leaveHour(log: MemoryLog): void {
    const logs = this.byHour.get(log.pushedHour);
    if (logs?.delete(log) && logs.size === 0) this.byHour.delete(log.pushedHour);
  }

  private account(log: MemoryLog): void {
    const bytes = log.bytes;
    const headBytes = log.length === 0 ? bytes : 0;
    this.bytes += bytes - log.accountedBytes;
    this.headBytes += headBytes - log.accountedHeadBytes;
    this.trimmed += log.trimmedSeq - log.accountedTrimmed;
    log.accountedTrimmed = log.trimmedSeq;
    log.accountedBytes = bytes;
    log.accountedHeadBytes = headBytes;
  }
}
