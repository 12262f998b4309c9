import { type Bounds, HOUR_MS } from './bounds.js';
import { MemoryLog } from './memory-log.js';
import { Queue } from './queue.js';
import { TextArena } from './text-arena.js';

/** Heads may take this share of the bytes before the oldest of them are forgotten for lack of room. */
const HEADS_SHARE = 0.25;

/**
 * Logs that are let go of at once because their time is over, beside as many as come: 0.2 ms of work. All of an hour's would be half a second, with
 * 500,000 users.
 */
const SLICE = 100;

/** How long a log that is pushed to again keeps its place: to take another touches its neighbours, which are in none of the processor's caches. */
const PLACE_MS = 1000;

/** The logs that were last pushed to in one hour. Apart, or whoever looks for the oldest events would pass over all heads that are older. */
class Hour {
  readonly withEvents = new Queue<MemoryLog>();
  readonly heads = new Queue<MemoryLog>();
}

/** All logs in memory, by user and by the hour of their last push, and what is remembered of those forgotten. */
export class MemoryLogs {
  forgottenSerial = 0;
  forgottenCreatedAt = -Infinity;
  bytes = 0;
  /** Events let go of, in all. */
  trimmed = 0;
  private headBytes = 0;
  /** Logs that were last pushed to before these hours have no events any more, and are forgotten. */
  private clearedBefore = 0;
  private forgottenBefore = 0;
  /** As of `expire`, the hour before which the time of all logs is over. */
  private overBefore = 0;
  private readonly arena = new TextArena();
  private readonly byUser = new Map<string, MemoryLog>();
  /** Hours in ascending order: a log enters at the newest. */
  private readonly byHour = new Map<number, Hour>();

  constructor(private readonly bounds: Bounds) {}

  /**
   * Lets go of some of what is over by now. What is too old in a log, and a log whose time is over, goes when that is looked at, or by and by.
   *
   * @param coming how many logs may be about to begin
   */
  expire(now: number, coming: number): void {
    const most = SLICE + coming;
    const cleared = Math.floor((now - this.bounds.bufferTtlMs) / HOUR_MS);
    // The whole hour must have passed: a head may live an hour longer, never less.
    this.overBefore = Math.floor((now - this.bounds.bufferTtlMs - this.bounds.headTtlMs) / HOUR_MS);
    if (cleared > this.clearedBefore && this.letGo('withEvents', cleared, most)) this.clearedBefore = cleared;
    const { overBefore } = this;
    if (overBefore > this.forgottenBefore && this.letGo('heads', overBefore, most))
      this.forgottenBefore = overBefore;
  }

  /** Lets go of some of those that were last pushed to before an hour. @returns whether none is left */
  private letGo(which: keyof Hour, end: number, most: number): boolean {
    let left = most;
    for (const log of this.oldest(which, end)) {
      if (left-- === 0) return false;
      if (which === 'heads') this.forget(log);
      else this.clear(log);
    }
    return true;
  }

  /** The log of a user as it is now, if there is one. `expire` was called for that moment. */
  find(accessId: string, now: number): MemoryLog | undefined {
    const log = this.byUser.get(accessId);
    if (log && log.pushedHour < this.overBefore) {
      this.forget(log);
      return undefined;
    }
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
    if (hour !== log.pushedHour || now - log.placedAt >= PLACE_MS) {
      this.leaveHour(log);
      log.pushedHour = hour;
      log.placedAt = now;
    }
    this.account(log);
  }

  /** Lets go of events, the least recently pushed logs' first, and then of heads, until what there is fits. */
  makeRoom(otherBytes: number): void {
    const { totalBytes } = this.bounds;
    const isEnough = () => this.bytes + otherBytes <= totalBytes;
    if (isEnough()) return;
    for (const log of this.oldest('heads')) {
      if (isEnough() || this.headBytes <= totalBytes * HEADS_SHARE) break;
      this.forget(log);
    }
    for (const log of this.oldest('withEvents')) {
      if (isEnough()) return;
      this.clear(log);
    }
    for (const log of this.oldest('heads')) {
      if (isEnough()) return;
      this.forget(log);
    }
  }

  /** Those that were last pushed to before an hour, oldest first. Whoever asks for the next one has let go of the one before. */
  private *oldest(which: keyof Hour, end = Infinity): Generator<MemoryLog> {
    for (const [hour, { [which]: logs }] of this.byHour) {
      if (hour >= end) return;
      for (let log = logs.first; log; log = logs.first) yield log;
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

  private enterHour(log: MemoryLog): void {
    let hour = this.byHour.get(log.pushedHour);
    if (!hour) this.byHour.set(log.pushedHour, (hour = new Hour()));
    const queue = log.length > 0 ? hour.withEvents : hour.heads;
    if (queue === log.queue) return;
    log.queue?.remove(log);
    log.queue = queue;
    queue.add(log);
  }

  private leaveHour(log: MemoryLog): void {
    log.queue?.remove(log);
    log.queue = undefined;
    const hour = this.byHour.get(log.pushedHour);
    if (hour && !hour.withEvents.first && !hour.heads.first) this.byHour.delete(log.pushedHour);
  }

  /** Notes what has become of a log. */
  private account(log: MemoryLog): void {
    this.enterHour(log);
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
