import type { IdempotencyClaim } from '../notifier/event.js';

/** A Map entry, two strings and their headers, measured at 190 to 230 bytes with keys of 36 characters. */
const RECORD_BYTES = 192;

/** The idempotency keys of the last `ttlMs`, oldest first. */
export class MemoryIdempotency {
  bytes = 0;
  private readonly claims = new Map<string, { digest: string; expires: number }>();

  constructor(private readonly ttlMs: number) {}

  /** The digest that was claimed under `key`, if that counted when `expire` was last called. */
  digestOf(key: string): string | undefined {
    return this.claims.get(key)?.digest;
  }

  add({ key, digest }: IdempotencyClaim, now: number): void {
    this.claims.set(key, { digest, expires: now + this.ttlMs });
    this.bytes += key.length + RECORD_BYTES;
  }

  /** Lets go of claims that count no more. */
  expire(now: number): void {
    for (const [key, { expires }] of this.claims) {
      if (expires > now) return;
      this.claims.delete(key);
      this.bytes -= key.length + RECORD_BYTES;
    }
  }
}
