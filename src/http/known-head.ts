import type { IncomingMessage } from 'node:http';

/** Headers whose values differ from one request of a client to the next. */
const VARYING = new Set(['content-length', 'idempotency-key', 'traceparent', 'tracestate', 'x-request-id']);

/** With one of them a request is more than a head and as many bytes as it says, or is answered more than once. */
const UNUSUAL = ['transfer-encoding', 'content-encoding', 'trailer', 'expect', 'upgrade'];

const LENGTH = /^\d{1,8}$/;

/** Bytes of a value that differs: as many as a `tracestate` may have. A head that grows beyond the limit is for the parser to refuse. */
const MAX_VALUE = 512;

const CARRIAGE_RETURN = 13;
const SPACE = 32;
const TILDE = 126;

/** What a request has of its own that begins as a known one does. */
export interface Repetition {
  /** The values that differ, in the order of `KnownHead.places`. */
  readonly values: readonly string[];
  readonly body: Buffer;
}

/**
 * The head of a request that Node's parser has read, as clients of HTTP/1.1 usually write it. The same bytes mean the same again, but for the values of a few headers: whoever knows
 * what the parser made of them need not ask it. What differs in anything else, white space included, is not recognised.
 */
export class KnownHead {
  private constructor(
    readonly request: IncomingMessage,
    /** Where in `request.rawHeaders` the values stand that differ. */
    readonly places: readonly number[],
    /** Whose values they are, in lower case. */
    readonly names: readonly string[],
    /** Which of them is the body's length. */
    private readonly lengthAt: number,
    /** The text before, between and after them. */
    private readonly fixed: readonly string[],
  ) {}

  /** @returns `undefined` for a request whose like cannot be read without a parser */
  static of(request: IncomingMessage): KnownHead | undefined {
    const { headers, rawHeaders } = request;
    if (UNUSUAL.some((name) => headers[name] !== undefined)) return undefined;
    const places = placesOfVarying(rawHeaders);
    const names = places.map((place) => rawHeaders[place - 1]!.toLowerCase());
    const lengthAt = names.indexOf('content-length');
    // What stands twice the parser has joined, or refused.
    if (lengthAt < 0 || new Set(names).size < names.length) return undefined;
    return new KnownHead(request, places, names, lengthAt, fixedText(request, places));
  }

  /** @returns `undefined` where `bytes` are anything but one whole request that begins so */
  read(bytes: Buffer): Repetition | undefined {
    const { fixed, places } = this;
    const values: string[] = [];
    let at = 0;
    for (let i = 0; i < places.length; i++) {
      if (!standsAt(bytes, at, fixed[i]!)) return undefined;
      const start = at + fixed[i]!.length;
      at = valueEnd(bytes, start);
      if (at < 0) return undefined;
      values.push(bytes.toString('latin1', start, at));
    }
    const last = fixed[places.length]!;
    const length = values[this.lengthAt]!;
    if (!standsAt(bytes, at, last) || !LENGTH.test(length)) return undefined;
    const bodyStart = at + last.length;
    if (bodyStart + Number(length) !== bytes.length) return undefined;
    return { values, body: bytes.subarray(bodyStart) };
  }
}

function placesOfVarying(rawHeaders: readonly string[]): number[] {
  const places: number[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (VARYING.has(rawHeaders[i]!.toLowerCase())) places.push(i + 1);
  }
  return places;
}

function fixedText({ method, url, rawHeaders }: IncomingMessage, places: readonly number[]): string[] {
  const parts: string[] = [];
  let text = `${method} ${url} HTTP/1.1\r\n`;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    text += `${rawHeaders[i]}: `;
    if (places.includes(i + 1)) {
      parts.push(text);
      text = '\r\n';
    } else text += `${rawHeaders[i + 1]}\r\n`;
  }
  return [...parts, `${text}\r\n`];
}

function standsAt(bytes: Buffer, at: number, text: string): boolean {
  return bytes.toString('latin1', at, at + text.length) === text;
}

/** Where a header's value ends that a parser would leave as it is, without a byte that it refuses or white space that it cuts off; -1 if it is another. */
function valueEnd(bytes: Uint8Array, start: number): number {
  let i = start;
  while (bytes[i]! >= SPACE && bytes[i]! <= TILDE) i++;
  const isTrimmed = i > start && bytes[start] !== SPACE && bytes[i - 1] !== SPACE;
  return isTrimmed && i - start <= MAX_VALUE && bytes[i] === CARRIAGE_RETURN ? i : -1;
}
