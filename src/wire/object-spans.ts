import * as json from './json-grammar.js';

/** Where a value stands. The end is exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** What keeps bytes from being one JSON object. */
export interface ObjectFault {
  readonly kind: 'no JSON' | 'too deep';
  /** Where the value begins that goes too deep, and the name of its member; meaningless otherwise. */
  readonly start: number;
  readonly name: string;
}

/**
 * Where the values of some members of an object stand. Where a member stands twice, the last one counts, as in ECMAScript.
 *
 * @param bytes UTF-8, of which the first that is no white space opens an object
 * @param names of those members
 * @param maxDepth levels of arrays and objects in the value of a member
 */
export function objectSpans(
  bytes: Buffer,
  names: readonly string[],
  maxDepth: number,
): Map<string, Span> | ObjectFault {
  const spans = new Map<string, Span>();
  const invalid: ObjectFault = { kind: 'no JSON', start: -1, name: '' };
  let i = json.skipSpace(bytes, json.skipSpace(bytes, 0) + 1);
  let separator = bytes[i] === json.CLOSE_BRACE ? bytes[i++] : json.COMMA;
  while (separator === json.COMMA) {
    const nameEnd = bytes[i] === json.QUOTE ? json.skipString(bytes, i + 1) : json.INVALID;
    const start = nameEnd < 0 ? nameEnd : json.skipColon(bytes, nameEnd);
    if (start < 0) return invalid;
    const name = JSON.parse(bytes.toString('utf8', i, nameEnd)) as string;
    const end = json.skipValue(bytes, start, maxDepth);
    if (end === json.TOO_DEEP) return { kind: 'too deep', start, name };
    if (end < 0) return invalid;
    if (names.includes(name)) spans.set(name, { start, end });
    i = json.skipSpace(bytes, end);
    separator = bytes[i++];
    if (separator === json.COMMA) i = json.skipSpace(bytes, i);
  }
  const isWhole = separator === json.CLOSE_BRACE && json.skipSpace(bytes, i) >= bytes.length;
  return isWhole ? spans : invalid;
}
