import * as fc from 'fast-check';
import type { Arbitrary } from 'fast-check';

/** JSON as a text and what it means: the many ways to write one value down. */
export interface JsonText {
  readonly text: string;
  readonly value: unknown;
}

const whiteSpace = fc.string({ unit: fc.constantFrom(' ', '\t', '\n', '\r'), maxLength: 2 });

/** Raw where JSON allows it, or escaped in either way. */
const character = fc
  .tuple(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom(...Array.from('abz{}[],:"\\/ é€\u2028😀\n\u0000\u001b\u007f')),
      },
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
    fc.boolean(),
  )
  .map(([value, escaped]) => ({
    value,
    text: escaped ? unicodeEscaped(value) : JSON.stringify(value).slice(1, -1),
  }));

function unicodeEscaped(text: string): string {
  const units = Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
}

/** A string, its characters escaped or not at random. */
const stringText: Arbitrary<JsonText & { value: string }> = fc
  .array(character, { maxLength: 8 })
  .map((characters) => ({
    value: characters.map(({ value }) => value).join(''),
    text: `"${characters.map(({ text }) => text).join('')}"`,
  }));

/** `text` as a JSON string, its characters escaped or not at random. */
export function spelled(text: string): Arbitrary<string> {
  return fc.array(fc.boolean(), { minLength: text.length, maxLength: text.length }).map(
    (escapes) =>
      `"${Array.from(text)
        .map((c, i) => (escapes[i] ? unicodeEscaped(c) : JSON.stringify(c).slice(1, -1)))
        .join('')}"`,
  );
}

const numberText = fc.oneof(
  fc.constantFrom('1.0', '-0', '1E400', '12345678901234567890', '0.10', '1e-7', '-0.0E+10'),
  fc.integer().map(String),
);

/** Any value, with white space wherever JSON allows it, but around it. */
export const { value: valueText } = fc.letrec<{ value: string; list: string; object: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('null', 'true', 'false', '""', '[]', '{}'),
    numberText,
    stringText.map(({ text }) => text),
    tie('list'),
    tie('object'),
  ),
  list: spacedList('[', tie('value'), ']'),
  object: spacedList(
    '{',
    fc
      .tuple(stringText, whiteSpace, whiteSpace, tie('value'))
      .map(([{ text }, a, b, value]) => `${text}${a}:${b}${value}`),
    '}',
  ),
}));

/** `items` between brackets, with white space and commas between them. */
function spacedList(open: string, item: Arbitrary<string>, close: string): Arbitrary<string> {
  return spaced(fc.array(item, { maxLength: 4 }), open, close);
}

/** As `spacedList`, of lists of items. */
export function spaced(items: Arbitrary<readonly string[]>, open: string, close: string): Arbitrary<string> {
  return fc.tuple(items, fc.infiniteStream(whiteSpace)).map(([list, spaces]) => {
    const space = () => spaces.next().value;
    const parts = list.map((item) => `${space()}${item}${space()}`);
    return `${open}${parts.length > 0 ? parts.join(',') : space()}${close}`;
  });
}

/** How an integer may be written. */
export function integerText(value: number): Arbitrary<string> {
  const plain = Object.is(value, -0) ? '-0' : String(value);
  return fc.constantFrom(plain, `${plain}.0`, `${plain}e0`, `${plain}.00E+0`);
}
