import { RateExceededError } from '../notifier/connectors.js';

/** The bucket's depth: what has not been pushed for longer cannot be made up for. */
const BUCKET_MS = 1000;

/** A microsecond of rounding is not an event too many. */
const ROUNDING_MS = 0.001;

/**
 * A bucket of one second of events that fills evenly. A push that is larger than the bucket needs a full one and leaves a debt: so any
 * push can be made, and over time the rate holds. (Bucket libraries refuse for ever what is larger than the bucket.)
 *
 * All it keeps is when the bucket will be full: the generic cell rate algorithm of ITU-T I.371.
 */
export class Allowance {
  private fullAt = -Infinity;

  constructor(private readonly eventsPerSecond: number) {}

  /**
   * @param now milliseconds of a clock that never goes back
   * @throws RateExceededError, and then nothing was taken
   */
  take(events: number, now: number): void {
    if (events === 0) return;
    const wait = this.fullAt - now - (BUCKET_MS - Math.min(BUCKET_MS, this.msOf(events)));
    if (wait > ROUNDING_MS) throw new RateExceededError(Math.ceil(wait / 1000));
    this.fullAt = Math.max(this.fullAt, now) + this.msOf(events);
  }

  isFull(now: number): boolean {
    return this.fullAt <= now;
  }

  private msOf(events: number): number {
    return (events * 1000) / this.eventsPerSecond;
  }
}
