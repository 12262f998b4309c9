import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { FUZZ_RUNS } from '../../test/support/fuzz.js';
import { scanEvents, type EventSpans } from './event-spans.js';

const MAX_DEPTH = 3;

const scan = (text: string) => scanEvents(Buffer.from(text), MAX_DEPTH);

function spansOf(text: string): EventSpans[] {
  const spans = scan(text);
  if (!Array.isArray(spans)) throw new Error(spans.kind);
  return spans.map((event) => event!);
}

function payloads(text: string): string[] {
  return spansOf(text).map(({ payloadStart, payloadEnd }) => text.slice(payloadStart, payloadEnd));
}

const tooDeep = (index: number, member?: string) => ({ kind: 'too deep', index, member });

describe('the scan over a push', () => {
  test('finds where each event and its members stand', () => {
    const text =
      '[ {"accessid" : "a" ,"payload":[1, {"x":"]}"}],"created_at":1}, {"payload":"p","accessid":"b"}]';
    expect(payloads(text)).toEqual(['[1, {"x":"]}"}]', '"p"']);
    const slices = (of: (event: EventSpans) => [number, number]) =>
      spansOf(text).map((event) => text.slice(...of(event)));
    expect(slices((event) => [event.accessIdStart, event.accessIdEnd])).toEqual(['"a"', '"b"']);
    expect(slices((event) => [event.start, event.end])).toEqual([
      '{"accessid" : "a" ,"payload":[1, {"x":"]}"}],"created_at":1}',
      '{"payload":"p","accessid":"b"}',
    ]);
    expect(spansOf(text)[0]!.createdAtStart).toBe(text.indexOf('1}'));
    expect(spansOf(text)[1]!.createdAtStart).toBe(-1);
  });

  test('takes no member of a payload for one of the event', () => {
    expect(payloads('[{"payload":{"payload":1,"accessid":2},"x":{"payload":3}}]')).toEqual([
      '{"payload":1,"accessid":2}',
    ]);
  });

  test('takes no text of a string for a member', () => {
    expect(payloads('[{"x":"\\"payload\\":1,","payload":2,"y":"payload"}]')).toEqual(['2']);
  });

  test('lets the last of two members of a name count', () => {
    expect(payloads('[{"payload":1,"payload":2}]')).toEqual(['2']);
  });

  test('knows a member whose name is written with escapes', () => {
    expect(payloads('[{"p\\u0061yload":1}]')).toEqual(['1']);
  });

  test('ends a string where JSON ends it', () => {
    expect(payloads('[{"a":"\\\\","payload":1,"b":"\\\\\\""}]')).toEqual(['1']);
  });

  test('knows an element that is no object', () => {
    expect(scan('[1,{},[]]')).toEqual([undefined, expect.anything(), undefined]);
  });

  test.each([
    ['[{"payload":[[[]]]}]', 'allowed'],
    ['[{"payload":[[[[]]]]}]', tooDeep(0, 'payload')],
    ['[{},{"accessid":{"a":{"b":{"c":{}}}}}]', tooDeep(1, 'accessid')],
    ['[{"other":[[[[]]]]}]', tooDeep(0)],
    ['[[[[[[]]]]]]', tooDeep(0)],
    ['[{"payload":1},[[[[[]]]]]]', tooDeep(1)],
    ['{"a":[[[[[]]]]]}', tooDeep(-1)],
    ['[{"payload":"[[[[[[["}]', 'allowed'],
  ])('says where %s goes too deep', (text, expected) => {
    const result = scan(text);
    expect(Array.isArray(result) ? 'allowed' : result).toEqual(expected);
  });

  test.each([0, 1, 2, 3, 4])('sees every two characters behind %d others in a string', (before) => {
    const characters = [...Array(0x100).keys(), 0x7ff, 0x2028, 0xffff].map((code) =>
      String.fromCharCode(code),
    );
    const wrong: string[] = [];
    for (const first of characters) {
      for (const second of characters) {
        const text = `["${'x'.repeat(before)}${first}${second}yyyy"]`;
        if (Array.isArray(scan(text)) !== isJson(text)) wrong.push(JSON.stringify(text));
      }
    }
    expect(wrong).toEqual([]);
  });

  test('takes what JSON.parse takes, and nothing else', () => {
    const tokens = Array.from('{}[],:"\\ a1-+.eE0/\n\u0001é');
    const token = fc.constantFrom(
      ...tokens,
      '"payload":',
      '"accessid"',
      '\\u0061',
      '\\u00g',
      '1e5',
      '-0',
      '0.5',
      'true',
      'false',
      'null',
      '[{',
      '}]',
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 12 }), (parts) => {
        const text = `[${parts.join('')}]`;
        const result = scan(text);
        if (!Array.isArray(result) && result.kind === 'too deep') return;
        expect(Array.isArray(result)).toBe(isJson(text));
      }),
      { numRuns: FUZZ_RUNS },
    );
  });

  test('takes every number that JSON.parse takes, and nothing else', () => {
    const number = fc.array(fc.constantFrom(...Array.from('-+.eE0123')), { maxLength: 7 });
    fc.assert(
      fc.property(number, (characters) => {
        const text = `[${characters.join('')}]`;
        expect(Array.isArray(scan(text))).toBe(isJson(text));
      }),
      { numRuns: FUZZ_RUNS },
    );
  });

  test('ends on any text, and on a long one', () => {
    for (const unit of ['"', '\\', '"\\', ',', ':', '[]', '{"a":', '[', '[1,'])
      expect(scan(unit.repeat(1_000_000))).toHaveProperty('kind');
  });
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
