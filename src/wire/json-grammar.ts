/**
 * RFC 8259 over bytes. Each function takes the index where something begins and gives the index after it; where there is no such thing,
 * `INVALID` or `TOO_DEEP`, which are negative. Nothing is built, and whoever wants a value parses its bytes.
 *
 * What `JSON.parse` takes is what is taken here, given that the bytes are UTF-8: a property test holds the two together. The indexes
 * may run past the end, where a byte is `undefined` and begins nothing.
 */

export const INVALID = -1;
export const TOO_DEEP = -2;

export const QUOTE = 34;
export const COMMA = 44;
const COLON = 58;
export const OPEN_BRACKET = 91;
export const BACKSLASH = 92;
export const CLOSE_BRACKET = 93;
export const OPEN_BRACE = 123;
export const CLOSE_BRACE = 125;

const PLUS = 43;
const MINUS = 45;
const POINT = 46;
export const ZERO = 48;
const NINE = 57;

/** Over white space, of which there may be none. */
export function skipSpace(bytes: Uint8Array, at: number): number {
  let i = at;
  for (;;) {
    const byte = bytes[i]!;
    if (byte > 32 || (byte !== 32 && byte !== 10 && byte !== 13 && byte !== 9)) return i;
    i++;
  }
}

/** @param depth how many levels of arrays and objects there may be */
export function skipValue(bytes: Uint8Array, at: number, depth: number): number {
  const byte = bytes[at]!;
  switch (byte) {
    case QUOTE:
      return skipString(bytes, at + 1);
    case OPEN_BRACE:
      return depth > 0 ? skipObject(bytes, at + 1, depth - 1) : TOO_DEEP;
    case OPEN_BRACKET:
      return depth > 0 ? skipArray(bytes, at + 1, depth - 1) : TOO_DEEP;
    case 116: // t
      return matches(bytes, at, TRUE) ? at + TRUE.length : INVALID;
    case 102: // f
      return matches(bytes, at, FALSE) ? at + FALSE.length : INVALID;
    case 110: // n
      return matches(bytes, at, NULL) ? at + NULL.length : INVALID;
    default:
      return skipNumber(bytes, at);
  }
}

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

/** Whether `expected` stands at `at`. */
export function matches(bytes: Uint8Array, at: number, expected: Uint8Array): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false;
  return true;
}

/** From after the opening quote. */
export function skipString(bytes: Uint8Array, at: number): number {
  let i = at;
  for (;;) {
    while (isPlain(wordAt(bytes, i))) i += 4;
    let byte = bytes[i++]!;
    while (byte > QUOTE && byte !== BACKSLASH) byte = bytes[i++]!;
    if (byte === QUOTE) return i;
    if (byte === BACKSLASH) {
      i = skipEscape(bytes, i);
      if (i < 0) return INVALID;
    } else if (!(byte >= 32)) return INVALID;
  }
}

/** Four bytes; zero stands for those behind the end. */
function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/**
 * Whether none of four bytes is a control character, a quote or a backslash. One by one, an event of 256 bytes with one long string takes
 * 580 ns to read, so 420; one of 154 bytes with short strings 520, and 500.
 *
 * `(b - n) & ~b` has its highest bit set where byte b is less than n. A byte may borrow from the next one, and make it look so too, only where it is less itself.
 */
function isPlain(word: number): boolean {
  const quote = word ^ 0x2222_2222;
  const backslash = word ^ 0x5c5c_5c5c;
  const less =
    ((word - 0x2020_2020) & ~word) |
    ((quote - 0x0101_0101) & ~quote) |
    ((backslash - 0x0101_0101) & ~backslash);
  return (less & 0x8080_8080) === 0;
}

const ESCAPES = new Set(Buffer.from('"\\/bfnrt'));

/** From after the backslash. */
function skipEscape(bytes: Uint8Array, at: number): number {
  const byte = bytes[at]!;
  if (byte !== 117 /* u */) return ESCAPES.has(byte) ? at + 1 : INVALID;
  for (let i = at + 1; i < at + 5; i++) if (!isHex(bytes[i]!)) return INVALID;
  return at + 5;
}

function isHex(byte: number): boolean {
  const letter = byte | 32;
  return isDigit(byte) || (letter >= 97 && letter <= 102);
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

function skipNumber(bytes: Uint8Array, at: number): number {
  let i = bytes[at] === MINUS ? at + 1 : at;
  i = bytes[i] === ZERO ? i + 1 : skipDigits(bytes, i);
  if (i < 0) return i;
  if (bytes[i] === POINT) i = skipDigits(bytes, i + 1);
  if (i < 0 || (bytes[i]! | 32) !== 101 /* e */) return i;
  const sign = bytes[i + 1];
  return skipDigits(bytes, sign === PLUS || sign === MINUS ? i + 2 : i + 1);
}

/** At least one. */
function skipDigits(bytes: Uint8Array, at: number): number {
  let i = at;
  while (isDigit(bytes[i]!)) i++;
  return i > at ? i : INVALID;
}

/** From after the opening brace. */
function skipObject(bytes: Uint8Array, at: number, depth: number): number {
  let i = skipSpace(bytes, at);
  if (bytes[i] === CLOSE_BRACE) return i + 1;
  for (;;) {
    i = skipKey(bytes, i);
    if (i < 0) return i;
    i = skipValue(bytes, i, depth);
    if (i < 0) return i;
    i = skipSpace(bytes, i);
    const byte = bytes[i++];
    if (byte === CLOSE_BRACE) return i;
    if (byte !== COMMA) return INVALID;
    i = skipSpace(bytes, i);
  }
}

/** Over a member's name and colon, up to its value. */
function skipKey(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== QUOTE) return INVALID;
  const end = skipString(bytes, at + 1);
  return end < 0 ? end : skipColon(bytes, end);
}

/** Over the colon after a member's name, up to its value. */
export function skipColon(bytes: Uint8Array, at: number): number {
  const colon = skipSpace(bytes, at);
  return bytes[colon] === COLON ? skipSpace(bytes, colon + 1) : INVALID;
}

/** From after the opening bracket. */
function skipArray(bytes: Uint8Array, at: number, depth: number): number {
  let i = skipSpace(bytes, at);
  if (bytes[i] === CLOSE_BRACKET) return i + 1;
  for (;;) {
    i = skipValue(bytes, i, depth);
    if (i < 0) return i;
    i = skipSpace(bytes, i);
    const byte = bytes[i++];
    if (byte === CLOSE_BRACKET) return i;
    if (byte !== COMMA) return INVALID;
    i = skipSpace(bytes, i);
  }
}
