/**
 * An event as this server handles it. The wire's names (`accessid`, `created_at`) end where a request is read.
 *
 * Text that came as UTF-8 is kept as a **byte string**: a string in which every character is one byte
 * (Node's `latin1`). It costs a byte a character, concatenates for nothing, is written into a frame by
 * a memory copy, and its length is its size on the wire. It is never shown to anyone as it is.
 */
export type ByteString = string;

export interface PushedEvent {
  /** The user the event is for. */
  readonly accessId: string;
  /** A safe integer whose unit the connector chose. */
  readonly createdAt: number;
  /** The event in the form in which it is delivered, without its id: `{"accessid":…,"created_at":…,"payload":…}`. */
  readonly text: ByteString;
}

/** When a push came to this server. It rides on what is announced of the push, so that a delivery knows how old its events are. */
export interface Arrival {
  /** As of `nowMs()` of this process. */
  readonly at: number;
}

const ORIGIN_MS = performance.timeOrigin;

/**
 * Unix milliseconds, with fractions, of a clock that never goes back: as the machine's clock was when this process began,
 * and steady since.
 */
export function nowMs(): number {
  return ORIGIN_MS + performance.now();
}

/** One push: what is stored whole or not at all. */
export interface Push {
  readonly events: readonly PushedEvent[];
  readonly idempotency?: IdempotencyClaim;
  /** Absent where nobody measures. */
  readonly arrival?: Arrival;
}

/** A repeat under the same key with the same digest is stored once; with another digest it is refused. */
export interface IdempotencyClaim {
  /** The connector's key, made unique among connectors. */
  readonly key: string;
  /** SHA-256 over the bytes of the pushed array, hexadecimal. */
  readonly digest: string;
}

/** UTF-8 bytes of an access id. LMDB keys stop at 1,978 bytes, and Redis keys and log lines grow with it. */
export const MAX_ACCESS_ID_BYTES = 256;

/** Levels of arrays and objects in the value of an event's member: parsers of clients have limits too (PHP: 512, Ruby: 100). */
export const MAX_DEPTH = 64;

// U+0000–U+001F, U+007F–U+009F, U+2028, U+2029: they forge log lines and terminal output.
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/; // oxlint-disable-line no-control-regex -- it is what the rule looks for

/** Why `value` is no access id, worded to follow the member's name; `undefined` where it is one. */
export function accessIdFault(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'must be a string';
  if (value === '') return 'must not be empty';
  // A UTF-16 unit is at least one byte: this spares measuring what is far too long.
  if (value.length > MAX_ACCESS_ID_BYTES || Buffer.byteLength(value) > MAX_ACCESS_ID_BYTES) {
    return `must be at most ${MAX_ACCESS_ID_BYTES} bytes of UTF-8`;
  }
  // All lone surrogates become EF BF BD in UTF-8: two ids would be one user.
  if (!value.isWellFormed()) return 'must be well-formed Unicode';
  if (FORBIDDEN.test(value)) return 'must not contain control characters or line separators';
  return undefined;
}

/** Why `value` is no timestamp, worded to follow the member's name; `undefined` where it is one. */
export function timestampFault(value: unknown): string | undefined {
  if (typeof value !== 'number') return 'must be an integer';
  if (!Number.isSafeInteger(value)) return 'must be an integer from -(2^53 - 1) to 2^53 - 1';
  return undefined;
}

/** The part of an event's text that stands before its payload. */
export function eventPrefix(accessId: string, createdAt: number): ByteString {
  return `{"accessid":${byteString(JSON.stringify(accessId))},"created_at":${createdAt},"payload":`;
}

const NON_ASCII = /[^\u0000-\u007f]/; // oxlint-disable-line no-control-regex -- ASCII begins there

/** A string as the byte string of its UTF-8 form. */
export function byteString(text: string): ByteString {
  return NON_ASCII.test(text) ? Buffer.from(text).toString('latin1') : text;
}
