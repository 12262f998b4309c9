/** Where the server has not said over which window to spread the first reconnect. */
export const RECONNECT_WITHIN_MS = 500;

const MAX_BACKOFF_MS = 20_000;

/** Whether a close code ends the subscription; after any other, reconnect. The one rule of the protocol, for codes to come too. */
export function isFinal(code: number): boolean {
  return (
    code === 1000 ||
    code === 1002 ||
    code === 1003 ||
    (code >= 1007 && code <= 1010) ||
    (code >= 4500 && code <= 4999)
  );
}

/**
 * Milliseconds to wait before the next attempt: what the reason names, else with full jitter, so that clients which lost their
 * connection together do not come back together.
 *
 * @param failures attempts that failed since the last connection that worked
 * @param withinMs the window of the first reconnect
 */
export function reconnectDelayMs(reason: string, failures: number, withinMs: number): number {
  const named = /retry_after_ms=(\d{1,9})/.exec(reason);
  if (named) return Number(named[1]);
  const backoffMs = Math.min(MAX_BACKOFF_MS, RECONNECT_WITHIN_MS * 2 ** (failures - 1));
  return Math.random() * (failures === 0 ? withinMs : backoffMs);
}
