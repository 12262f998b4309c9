import { MAX_DEPTH } from '../notifier/event.js';
import * as json from './json-grammar.js';

/** Where the parts of an event stand in the bytes of a push. Ends are exclusive; -1 where there is no such member. */
export class EventSpans {
  end = -1;
  accessIdStart = -1;
  accessIdEnd = -1;
  createdAtStart = -1;
  createdAtEnd = -1;
  payloadStart = -1;
  payloadEnd = -1;

  constructor(readonly start: number) {}
}

/** What keeps a text from being a list of events, whatever the events are. */
export interface ScanFault {
  readonly kind: 'no JSON' | 'no array' | 'too deep';
  /** Of the element of the array that goes too deep; -1 where it is no array. */
  readonly index: number;
  /** The member of it, if it is one that events have. */
  readonly member: Member | undefined;
}

type Member = 'accessid' | 'created_at' | 'payload';

const ACCESS_ID = Buffer.from('accessid');
const CREATED_AT = Buffer.from('created_at');
const PAYLOAD = Buffer.from('payload');

/** The array and the event around a member's value. */
const OUTER_LEVELS = 2;

/**
 * One pass over a JSON array of events: whether it is JSON, whether anything in it is nested too deep, and where each event's members stand.
 * Where a member stands twice, the last one counts, as in ECMAScript.
 *
 * `JSON.parse` and a scan for the spans took 1.3 µs an event of 250 bytes, this takes 0.8, and leaves no objects behind.
 *
 * @param body UTF-8
 * @param maxDepth levels of arrays and objects in the value of a member
 * @returns the spans of each element of the array (`undefined` for one that is no object), or what is wrong
 */
export function scanEvents(body: Uint8Array, maxDepth = MAX_DEPTH): (EventSpans | undefined)[] | ScanFault {
  return new EventScanner(body, maxDepth).scan();
}

class EventScanner {
  private readonly spans: (EventSpans | undefined)[] = [];
  private member: Member | undefined;

  constructor(
    private readonly body: Uint8Array,
    private readonly maxDepth: number,
  ) {}

  scan(): (EventSpans | undefined)[] | ScanFault {
    const { body } = this;
    const start = json.skipSpace(body, 0);
    const isArray = body[start] === json.OPEN_BRACKET;
    let end = isArray ? this.elements(start + 1) : json.skipValue(body, start, this.maxDepth + OUTER_LEVELS);
    if (end >= 0 && json.skipSpace(body, end) < body.length) end = json.INVALID;
    if (end === json.TOO_DEEP) {
      return { kind: 'too deep', index: isArray ? this.spans.length : -1, member: this.member };
    }
    if (end >= 0 && isArray) return this.spans;
    return { kind: end < 0 ? 'no JSON' : 'no array', index: -1, member: undefined };
  }

  /** From after the opening bracket. */
  private elements(at: number): number {
    const { body } = this;
    let i = json.skipSpace(body, at);
    if (body[i] === json.CLOSE_BRACKET) return i + 1;
    for (;;) {
      i = body[i] === json.OPEN_BRACE ? this.event(i) : this.other(i);
      if (i < 0) return i;
      i = json.skipSpace(body, i);
      const byte = body[i++];
      if (byte === json.CLOSE_BRACKET) return i;
      if (byte !== json.COMMA) return json.INVALID;
      i = json.skipSpace(body, i);
    }
  }

  private other(at: number): number {
    this.member = undefined;
    const end = json.skipValue(this.body, at, this.maxDepth + OUTER_LEVELS - 1);
    if (end >= 0) this.spans.push(undefined);
    return end;
  }

  private event(at: number): number {
    const spans = new EventSpans(at);
    spans.end = this.members(at + 1, spans);
    if (spans.end >= 0) this.spans.push(spans);
    return spans.end;
  }

  /** From after the opening brace. */
  private members(at: number, spans: EventSpans): number {
    const { body } = this;
    let i = json.skipSpace(body, at);
    if (body[i] === json.CLOSE_BRACE) return i + 1;
    for (;;) {
      i = this.memberAt(i, spans);
      if (i < 0) return i;
      i = json.skipSpace(body, i);
      const byte = body[i++];
      if (byte === json.CLOSE_BRACE) return i;
      if (byte !== json.COMMA) return json.INVALID;
      i = json.skipSpace(body, i);
    }
  }

  private memberAt(at: number, spans: EventSpans): number {
    const { body } = this;
    if (body[at] !== json.QUOTE) return json.INVALID;
    const nameEnd = json.skipString(body, at + 1);
    if (nameEnd < 0) return nameEnd;
    const start = json.skipColon(body, nameEnd);
    if (start < 0) return start;
    this.member = memberNamed(body, at + 1, nameEnd - 1);
    const end = json.skipValue(body, start, this.maxDepth);
    if (end >= 0) note(spans, this.member, start, end);
    return end;
  }
}

function note(spans: EventSpans, member: Member | undefined, start: number, end: number): void {
  if (member === 'payload') {
    spans.payloadStart = start;
    spans.payloadEnd = end;
  } else if (member === 'accessid') {
    spans.accessIdStart = start;
    spans.accessIdEnd = end;
  } else if (member === 'created_at') {
    spans.createdAtStart = start;
    spans.createdAtEnd = end;
  }
}

function memberNamed(body: Uint8Array, start: number, end: number): Member | undefined {
  const length = end - start;
  if (length === PAYLOAD.length && json.matches(body, start, PAYLOAD)) return 'payload';
  if (length === ACCESS_ID.length && json.matches(body, start, ACCESS_ID)) return 'accessid';
  if (length === CREATED_AT.length && json.matches(body, start, CREATED_AT)) return 'created_at';
  for (let i = start; i < end; i++) if (body[i] === json.BACKSLASH) return escapedMember(body, start, end);
  return undefined;
}

function escapedMember(body: Uint8Array, start: number, end: number): Member | undefined {
  const name: unknown = JSON.parse(Buffer.from(body.subarray(start - 1, end + 1)).toString());
  return name === 'payload' || name === 'accessid' || name === 'created_at' ? name : undefined;
}
