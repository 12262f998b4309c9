import type { Position } from '../../src/notifier/position.js';
import type { Bounds } from '../../src/storage/bounds.js';

const HOUR_MS = 3_600_000;

/** An event that was stored, for ever. */
export interface KnownEvent {
  readonly id: Position;
  readonly createdAt: number;
  readonly text: string;
  readonly arrived: number;
}

/**
 * The truth about one user: all that was ever stored, and how much of it is gone. A head whose time is over may be there
 * for up to an hour more: it is in limbo, and nothing can be demanded of it.
 */
export class History {
  readonly events: KnownEvent[] = [];
  /** So many of the events, from the first, are gone. */
  gone = 0;
  drops = 0;
  head: 'none' | 'remembered' | 'limbo' = 'none';
  /** How often the head may have been forgotten. */
  doubts = 0;
  private rememberedUntil = 0;

  constructor(
    readonly accessId: string,
    private readonly bounds: Bounds,
  ) {}

  get held(): readonly KnownEvent[] {
    return this.events.slice(this.gone);
  }

  /** The highest `created_at` of all that is gone. */
  get goneCreatedAt(): number {
    return Math.max(-Infinity, ...this.events.slice(0, this.gone).map(({ createdAt }) => createdAt));
  }

  /** Takes note of events stored now. */
  add(events: readonly KnownEvent[], now: number): void {
    this.events.push(...events);
    this.touch(now + this.bounds.bufferTtlMs + this.bounds.headTtlMs);
    while (this.isTooMuch()) this.gone++;
  }

  /** Takes note of a drop, which counts from one again where the head was forgotten. */
  drop(now: number, drops: number): void {
    this.drops = drops;
    this.touch(now + this.bounds.headTtlMs);
  }

  /** Lets the time pass up to `now`. */
  pass(now: number): void {
    const { bufferTtlMs, headTtlMs } = this.bounds;
    while (this.gone < this.events.length && this.events[this.gone]!.arrived < now - bufferTtlMs) this.gone++;
    if (this.head === 'remembered' && now > this.rememberedUntil) this.turn('limbo');
    if (this.head === 'limbo' && now >= this.rememberedUntil + bufferTtlMs + headTtlMs + HOUR_MS) {
      this.turn('none');
      this.drops = 0;
    }
  }

  private touch(rememberedUntil: number): void {
    if (this.head === 'limbo') this.doubts++;
    this.head = 'remembered';
    this.rememberedUntil = Math.max(this.rememberedUntil, rememberedUntil);
  }

  private turn(head: 'none' | 'limbo'): void {
    this.head = head;
    this.doubts++;
  }

  private isTooMuch(): boolean {
    const { held } = this;
    const bytes = held.reduce((sum, { text }) => sum + text.length, 0);
    return held.length > this.bounds.bufferEvents || bytes > this.bounds.bufferBytes;
  }
}
