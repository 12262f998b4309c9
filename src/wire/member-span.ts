import {
  BACKSLASH,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from './json-grammar.js';

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

function unescaped(quoted: string): string {
  try {
    return `"${String(JSON.parse(quoted))}"`;
  } catch {
    return quoted;
  }
}
