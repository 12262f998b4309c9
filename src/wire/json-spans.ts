/** Where in a JSON text the parts of its events stand. Indexes are characters of the text, ends exclusive. */
export interface EventSpans {
  accessIdStart: number;
  accessIdEnd: number;
  payloadStart: number;
  payloadEnd: number;
}

/** Where a text goes deeper than it may. */
export interface TooDeep {
  /** The element of the outermost array; -1 where the text is no array. */
  readonly index: number;
  /** The member of it, if it is one that events have. */
  readonly member: 'accessid' | 'created_at' | 'payload' | undefined;
}

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/** The array and the event around a member's value. */
const OUTER_LEVELS = 2;

/**
 * One pass over a JSON array of events, without building anything of it: finds where each event's payload and access
 * id stand, and whether anything is nested too deep. It must come before `JSON.parse`, which takes millions of nested
 * brackets, and trusts nothing: on text that is no JSON it ends all the same, and its spans are meaningless.
 *
 * Where a member stands twice, the last one counts, as in ECMAScript.
 *
 * @param text a byte string; every character that JSON gives a meaning is ASCII
 * @param maxDepth levels of arrays and objects in the value of a member
 * @returns the spans of each element of the array, or where it is too deep
 */
export function scanEvents(text: string, maxDepth: number): EventSpans[] | TooDeep {
  return new Scanner(text, maxDepth + OUTER_LEVELS).scan();
}

class Scanner {
  private readonly spans: EventSpans[] = [];
  private current = noSpans();
  private member: TooDeep['member'];
  private depth = 0;
  private index = 0;
  private expectsKey = false;
  private valueStart = -1;

  constructor(
    private readonly text: string,
    private readonly maxDepth: number,
  ) {}

  scan(): EventSpans[] | TooDeep {
    const { text } = this;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit === QUOTE) i = this.string(i);
      else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) {
        if (++this.depth > this.maxDepth) return this.tooDeep();
        if (this.depth === OUTER_LEVELS) this.openElement(unit);
      } else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) this.close(i);
      else if (unit === COLON) this.colon(i);
      else if (unit === COMMA) this.comma(i);
    }
    return this.spans;
  }

  /** @returns the index of the closing quote */
  private string(start: number): number {
    const end = endOfString(this.text, start);
    if (this.expectsKey) {
      this.member = memberNamed(this.text.slice(start, end));
      this.expectsKey = false;
    }
    return end - 1;
  }

  private openElement(unit: number): void {
    this.current = noSpans();
    this.member = undefined;
    this.valueStart = -1;
    this.expectsKey = unit === OPEN_BRACE;
  }

  private close(at: number): void {
    if (this.depth === OUTER_LEVELS) {
      this.endValue(at);
      this.spans[this.index] = this.current;
    }
    this.depth--;
  }

  private colon(at: number): void {
    if (this.depth === OUTER_LEVELS && this.valueStart < 0) this.valueStart = at + 1;
  }

  private comma(at: number): void {
    if (this.depth === 1) this.index++;
    else if (this.depth === OUTER_LEVELS) {
      this.endValue(at);
      this.expectsKey = true;
    }
  }

  private endValue(end: number): void {
    const { current, valueStart } = this;
    this.valueStart = -1;
    if (valueStart < 0) return;
    if (this.member === 'payload') {
      current.payloadStart = valueStart;
      current.payloadEnd = end;
    } else if (this.member === 'accessid') {
      current.accessIdStart = valueStart;
      current.accessIdEnd = end;
    }
  }

  private tooDeep(): TooDeep {
    const isArray = /^[ \t\r\n]*\[/.test(this.text);
    return { index: isArray ? this.index : -1, member: this.member };
  }
}

function noSpans(): EventSpans {
  return { accessIdStart: -1, accessIdEnd: -1, payloadStart: -1, payloadEnd: -1 };
}

/**
 * Where the value of a member of the outermost object stands; `undefined` where there is none of that name. On text that is no JSON the
 * answer is meaningless.
 */
export function memberSpan(text: string, name: string): { start: number; end: number } | undefined {
  let span: { start: number; end: number } | undefined;
  let depth = 0;
  let key = '';
  let valueStart = -1;
  const endValue = (end: number) => {
    if (valueStart >= 0 && unescaped(key) === `"${name}"`) span = { start: valueStart, end };
    valueStart = -1;
  };
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === QUOTE) {
      const end = endOfString(text, i);
      if (depth === 1 && valueStart < 0) key = text.slice(i, end);
      i = end - 1;
    } else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) depth++;
    else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) {
      if (depth-- === 1) endValue(i);
    } else if (depth !== 1) continue;
    else if (unit === COLON) valueStart = i + 1;
    else if (unit === COMMA) endValue(i);
  }
  return span;
}

/** The index after the closing quote of the string that opens at `start`, or the text's end. */
function endOfString(text: string, start: number): number {
  for (let from = start + 1; ;) {
    const quote = text.indexOf('"', from);
    if (quote < 0) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
    from = quote + 1;
  }
}

function memberNamed(quoted: string): TooDeep['member'] {
  switch (quoted.includes('\\') ? unescaped(quoted) : quoted) {
    case '"accessid"':
      return 'accessid';
    case '"created_at"':
      return 'created_at';
    case '"payload"':
      return 'payload';
    default:
      return undefined;
  }
}

function unescaped(quoted: string): string {
  try {
    return `"${String(JSON.parse(quoted))}"`;
  } catch {
    return quoted;
  }
}
