import { setTimeout as delay } from 'node:timers/promises';

/** How long a client or connector waits for anything before it turns to another node. */
export const PATIENCE_MS = 4000;

/** What comes of it, or nothing where it fails or takes too long. */
export async function inTime<T>(work: Promise<T>, patienceMs = PATIENCE_MS): Promise<T | undefined> {
  const late = delay(patienceMs, undefined, { ref: false });
  return Promise.race([work.catch(() => undefined), late]);
}
