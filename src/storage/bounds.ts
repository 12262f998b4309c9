import { nowMs } from '../notifier/event.js';

/** How much a store keeps, and how long. */
export interface Bounds {
  /** Events of one user. */
  readonly bufferEvents: number;
  /** Bytes of the texts of one user's events. */
  readonly bufferBytes: number;
  /** Age of an event, by arrival. */
  readonly bufferTtlMs: number;
  /** Bytes of events, heads and idempotency records of all users. */
  readonly totalBytes: number;
  /** How long a head outlives the last event or drop of its log's lifetime. */
  readonly headTtlMs: number;
  readonly idempotencyTtlMs: number;
}

/** Whole milliseconds; it never goes back. */
export type Clock = () => number;

/**
 * What a machine's clock said when this process began, and what has passed since. Who sets that clock while the process runs moves nothing:
 * no event is let go of early, and no idempotency key is forgotten before its time.
 */
export const processClock: Clock = () => Math.floor(nowMs());

/** A store's clock: `clock`, but never before `floor`, and held still where `clock` goes back, as it may from one process to the next. */
export function steadyClock(floor = 0, clock: Clock = processClock): Clock {
  let last = floor;
  return () => {
    last = Math.max(last, clock());
    return last;
  };
}

/** The least recently pushed logs go first, to the hour. */
export const HOUR_MS = 3_600_000;

/**
 * Idempotency keys may take this share of the bytes; beyond it, pushes with a new key are refused until older ones expire. To forget one early
 * would store a repeat twice, and to let them grow would cost the users their events.
 */
export const CLAIMS_SHARE = 0.5;
