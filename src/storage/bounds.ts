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

/** Milliseconds. */
export type Clock = () => number;

/** The time that passes, whatever the machine's clock is set to; while the machine sleeps, none does. */
const timePassed: Clock = () => Math.floor(performance.now());

/**
 * The system's clock, and never before `floor`. Where the system's is set back, or was ahead when `floor` was taken, this one goes on at its pace: it
 * neither goes back nor stands still, or nothing would grow older until the system's has caught up.
 */
export function steadyClock(floor = 0, system: Clock = Date.now, passed: Clock = timePassed): Clock {
  let [now, lastPassed] = [floor, passed()];
  return () => {
    const at = passed();
    now = Math.max(now + Math.max(0, at - lastPassed), system());
    lastPassed = at;
    return now;
  };
}

/** A clock that is this much further on than the time that has passed was set. */
const SET_AHEAD_MS = 1000;

/**
 * For what must not be over early: as if `clock` had not been set ahead, until `graceMs` have passed since. What has no longer than that has had its
 * time by then.
 *
 * @param passed the time that passes, whatever clocks say
 */
export function patientClock(clock: Clock, graceMs: number, passed = timePassed): Clock {
  let [lastNow, lastPassed] = [clock(), passed()];
  let [aheadMs, graceEnds] = [0, -Infinity];
  return () => {
    const [now, at] = [clock(), passed()];
    const ahead = now - lastNow - (at - lastPassed);
    [lastNow, lastPassed] = [now, at];
    if (at >= graceEnds) aheadMs = 0;
    if (ahead > SET_AHEAD_MS) {
      aheadMs += Math.ceil(ahead);
      graceEnds = at + graceMs;
    }
    return now - aheadMs;
  };
}

/** The least recently pushed logs go first, to the hour. */
export const HOUR_MS = 3_600_000;

/**
 * Idempotency keys may take this share of the bytes; beyond it, pushes with a new key are refused until older ones expire. To forget one early
 * would store a repeat twice, and to let them grow would cost the users their events.
 */
export const CLAIMS_SHARE = 0.5;
