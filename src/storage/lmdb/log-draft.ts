import type { Arrival, PushedEvent } from '../../notifier/event.js';
import type { StoredEvent } from '../../notifier/event-log.js';
import { newEpoch, newTag } from '../../notifier/position.js';
import { type Bounds, HOUR_MS } from '../bounds.js';
import { eventsIn, NewChunk, type ChunkIndex } from './chunk.js';
import type { CommitDraft } from './commit-draft.js';
import type { LogChanges } from './journal-entry.js';
import { chunkKeyBytes, hourKey } from './keys.js';
import { copyHead, hasEvents, type LogHead, type MutableHead } from './log-head.js';
import type { LmdbFile } from './lmdb-file.js';

/** Texts of one record. A page is a frame of 256 KiB: a larger record would be read again and again. */
const MAX_CHUNK_BYTES = 128 * 1024;

/** One user's log in a commit that is in the making. */
export class LogDraft implements LogChanges {
  readonly keyBytes: number;
  readonly head: MutableHead;
  written: readonly NewChunk[] = [];
  readonly removed: number[] = [];
  /** What the commit adds, of which the oldest may be trimmed again. */
  added: StoredEvent[] = [];
  /** Of the first push that the commit brings the log. */
  arrival: Arrival | undefined;
  private readonly tag = newTag();
  private oldest: ChunkIndex | undefined;
  /** The chunks of which the commit lets go of the last event. */
  private readonly emptied: ChunkIndex[] = [];

  constructor(
    readonly accessId: string,
    /** The log before the commit, if there is one. */
    private readonly before: LogHead | undefined,
    beginning: { serial: number; forgottenCreatedAt: number },
    private readonly file: LmdbFile,
    private readonly bounds: Bounds,
    private readonly now: number,
  ) {
    this.keyBytes = chunkKeyBytes(accessId);
    this.head = before
      ? copyHead(before)
      : {
          epoch: newEpoch(),
          seq: 0,
          tag: 0,
          trimmedSeq: 0,
          trimmedTag: 0,
          trimmedCreatedAt: beginning.forgottenCreatedAt,
          drops: 0,
          born: beginning.serial,
          bytes: 0,
          pushedSerial: beginning.serial,
          hour: 0,
          bareBytes: 0,
          oldestArrived: undefined,
        };
  }

  get previousSeq(): number {
    return this.before?.seq ?? 0;
  }

  /** Events that the commit lets go of. */
  get trimmed(): number {
    return this.head.trimmedSeq - (this.before?.trimmedSeq ?? 0);
  }

  get previousTag(): number {
    return this.before?.tag ?? 0;
  }

  add({ createdAt, text }: PushedEvent, serial: number, arrival: Arrival | undefined): void {
    const { head } = this;
    this.arrival ??= arrival;
    const event = { seq: ++head.seq, tag: this.tag, createdAt, text };
    // An array that is pushed to makes room for 17, and most often it is one event.
    if (this.added.length === 0) this.added = [event];
    else this.added.push(event);
    head.tag = this.tag;
    head.bytes += text.length;
    this.touch(serial);
  }

  drop(serial: number): number {
    this.touch(serial);
    return ++this.head.drops;
  }

  /** Lets go of what is too old or too much. */
  trim(): void {
    const { head, bounds } = this;
    while (hasEvents(head) && (this.isTooMuch(bounds) || this.isTooOld(bounds))) this.trimOldest();
  }

  /** Lets go of all events. */
  clear(): void {
    while (hasEvents(this.head)) this.trimOldest();
  }

  private touch(serial: number): void {
    this.head.pushedSerial = serial;
    this.head.hour = Math.floor(this.now / HOUR_MS);
  }

  private isTooMuch({ bufferEvents, bufferBytes }: Bounds): boolean {
    return this.head.seq - this.head.trimmedSeq > bufferEvents || this.head.bytes > bufferBytes;
  }

  private isTooOld({ bufferTtlMs }: Bounds): boolean {
    const seq = this.head.trimmedSeq + 1;
    if (seq > this.previousSeq) return false;
    this.head.oldestArrived ??= this.chunkOf(seq).arrived;
    return this.head.oldestArrived < this.now - bufferTtlMs;
  }

  private trimOldest(): void {
    const { head } = this;
    const seq = ++head.trimmedSeq;
    const { tag, createdAt, length } = seq > this.previousSeq ? this.addedAt(seq) : this.storedAt(seq);
    head.trimmedTag = tag;
    head.trimmedCreatedAt = Math.max(head.trimmedCreatedAt, createdAt);
    head.bytes -= length;
    head.oldestArrived = undefined;
  }

  private addedAt(seq: number) {
    const { tag, createdAt, text } = this.added[seq - this.previousSeq - 1]!;
    return { tag, createdAt, length: text.length };
  }

  private storedAt(seq: number) {
    const chunk = this.chunkOf(seq);
    const i = seq - chunk.firstSeq;
    if (i === chunk.count - 1) this.emptied.push(chunk);
    return { tag: chunk.tag, createdAt: chunk.createdAt(i), length: chunk.length(i) };
  }

  private chunkOf(seq: number): ChunkIndex {
    if (this.oldest && seq < this.oldest.firstSeq + this.oldest.count) return this.oldest;
    return (this.oldest = this.file.oldestAt(this.accessId, this.head.epoch, seq));
  }

  /** Adds what has changed to the commit. */
  write(commit: CommitDraft): void {
    if (this.before) this.removeTrimmed(commit, this.before);
    const { head } = this;
    const gone = head.trimmedSeq - this.previousSeq;
    const kept = gone > 0 ? this.added.slice(gone) : this.added;
    head.bareBytes = 0;
    if (gone >= 0) head.oldestArrived = this.now;
    this.written = inChunks(kept).map((events) => this.chunk(events));
    if (kept.length === 0) this.writeBare(commit);
    for (const { bytes } of this.written) commit.bytes += this.keyBytes + bytes;
    this.reindex(commit);
    commit.chunks.push(this);
  }

  private chunk(events: readonly StoredEvent[]): NewChunk {
    const firstSeq = events[0]?.seq ?? this.head.seq + 1;
    return new NewChunk(firstSeq, this.tag, this.now, events);
  }

  private remove(commit: CommitDraft, firstSeq: number, recordBytes: number): void {
    this.removed.push(firstSeq);
    commit.bytes -= this.keyBytes + recordBytes;
  }

  /** Takes every trace of the log out of the file. */
  forget(commit: CommitDraft): void {
    for (const { firstSeq, record } of this.file.chunksAndMarks(this.accessId, 0)) {
      // One that was let go of before may still stand in the tree, and its mark goes with the journal that is being carried over.
      if (!record || isGone(firstSeq, record, this.before!)) this.removed.push(firstSeq);
      else this.remove(commit, firstSeq, record.length);
    }
    commit.headBytes -= this.bareCost(this.before!);
    commit.remove(hourKey(hasEvents(this.before!), this.before!.hour, this.accessId), 0);
    commit.chunks.push(this);
  }

  private removeTrimmed(commit: CommitDraft, before: LogHead): void {
    if (before.bareBytes > 0) {
      commit.headBytes -= this.bareCost(before);
      this.remove(commit, before.seq + 1, before.bareBytes);
    }
    for (const { firstSeq, bytes } of this.emptied) this.remove(commit, firstSeq, bytes);
  }

  private writeBare(commit: CommitDraft): void {
    const chunk = this.chunk([]);
    this.written = [chunk];
    this.head.bareBytes = chunk.bytes;
    commit.headBytes += this.bareCost(this.head);
  }

  private bareCost(head: LogHead): number {
    return head.bareBytes > 0 ? head.bareBytes + this.keyBytes : 0;
  }

  private reindex(commit: CommitDraft): void {
    const { before, head, accessId } = this;
    const isSame = before && before.hour === head.hour && hasEvents(before) === hasEvents(head);
    if (isSame) return;
    if (before) commit.remove(hourKey(hasEvents(before), before.hour, accessId), 0);
    commit.put(hourKey(hasEvents(head), head.hour, accessId), Buffer.alloc(0));
  }
}

function isGone(firstSeq: number, record: Buffer, { trimmedSeq }: LogHead): boolean {
  const count = eventsIn(record);
  return count > 0 && firstSeq + count - 1 <= trimmedSeq;
}

/** `events` in parts of which each is one record. */
function inChunks(events: readonly StoredEvent[]): (readonly StoredEvent[])[] {
  const ends: number[] = [];
  let bytes = 0;
  for (let i = 0; i < events.length; i++) {
    bytes += events[i]!.text.length;
    if (bytes > MAX_CHUNK_BYTES && i > (ends.at(-1) ?? 0)) {
      ends.push(i);
      bytes = events[i]!.text.length;
    }
  }
  if (events.length === 0) return [];
  if (ends.length === 0) return [events];
  return [...ends, events.length].map((end, i) => events.slice(ends[i - 1] ?? 0, end));
}
