import type { IdempotencyClaim } from '../notifier/event.js';
import { Queue, type Queued } from './queue.js';

/** A Map entry, an object and two strings with their headers, measured at 214 to 250 bytes with keys of 36 characters. */
const RECORD_BYTES = 192;

interface Claim extends IdempotencyClaim, Queued<Claim> {
  readonly expires: number;
}

/** The idempotency keys of the last `ttlMs`. */
export class MemoryIdempotency {
  bytes = 0;
  private readonly claims = new Map<string, Claim>();
  private readonly oldestFirst = new Queue<Claim>();

  constructor(private readonly ttlMs: number) {}

  /** The digest that was claimed under `key`, if that counted when `expire` was last called. */
  digestOf(key: string): string | undefined {
    return this.claims.get(key)?.digest;
  }

  add({ key, digest }: IdempotencyClaim, now: number): void {
    const claim: Claim = { key, digest, expires: now + this.ttlMs, previous: undefined, next: undefined };
    this.claims.set(key, claim);
    this.oldestFirst.add(claim);
    this.bytes += key.length + RECORD_BYTES;
  }

  /** Lets go of claims that count no more. */
  expire(now: number): void {
    const { oldestFirst } = this;
    for (let claim = oldestFirst.first; claim && claim.expires <= now; claim = oldestFirst.first) {
      oldestFirst.remove(claim);
      this.claims.delete(claim.key);
      this.bytes -= claim.key.length + RECORD_BYTES;
    }
  }
}
