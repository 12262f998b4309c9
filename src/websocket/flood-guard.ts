/** Messages, pings and unsolicited pongs that a client may send in any `WINDOW_MS`. */
const MAX_IN_WINDOW = 50;
const WINDOW_MS = 10_000;

/** Tells a client that floods. It costs nothing until the client says something it need not. */
export class FloodGuard {
  /** When the last `MAX_IN_WINDOW` came, as a ring. */
  private times: Float64Array | undefined;
  private next = 0;

  /**
   * Counts one.
   *
   * @param now milliseconds of a clock that never goes back
   * @returns whether it is one too many
   */
  count(now: number): boolean {
    this.times ??= new Float64Array(MAX_IN_WINDOW).fill(-Infinity);
    const oldest = this.times[this.next]!;
    this.times[this.next] = now;
    this.next = (this.next + 1) % MAX_IN_WINDOW;
    return now - oldest < WINDOW_MS;
  }
}
