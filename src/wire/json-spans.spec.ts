import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { FUZZ_RUNS } from '../../test/support/fuzz.js';
import { scanEvents, type EventSpans } from './json-spans.js';

const MAX_DEPTH = 3;

function spansOf(text: string): EventSpans[] {
  const spans = scanEvents(text, MAX_DEPTH);
  if (!Array.isArray(spans)) throw new Error('too deep');
  return spans;
}

function payloads(text: string): string[] {
  return spansOf(text).map(({ payloadStart, payloadEnd }) => text.slice(payloadStart, payloadEnd));
}

describe('the scan over a push', () => {
  test('finds where each payload and access id stands', () => {
    const text =
      '[ {"accessid" : "a" ,"payload":[1, {"x":"]}"}],"created_at":1}, {"payload":"p","accessid":"b"}]';
    expect(payloads(text)).toEqual(['[1, {"x":"]}"}]', '"p"']);
    const ids = spansOf(text).map(({ accessIdStart, accessIdEnd }) => text.slice(accessIdStart, accessIdEnd));
    expect(ids).toEqual([' "a" ', '"b"']);
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

  test.each([
    ['[{"payload":[[[]]]}]', 'allowed'],
    ['[{"payload":[[[[]]]]}]', { index: 0, member: 'payload' }],
    ['[{},{"accessid":{"a":{"b":{"c":{}}}}}]', { index: 1, member: 'accessid' }],
    ['[{"other":[[[[]]]]}]', { index: 0, member: undefined }],
    ['[[[[[[]]]]]]', { index: 0, member: undefined }],
    ['{"a":[[[[[]]]]]}', { index: -1, member: undefined }],
    ['[{"payload":"[[[[[[["}]', 'allowed'],
  ])('says where %s goes too deep', (text, expected) => {
    const result = scanEvents(text, MAX_DEPTH);
    expect(Array.isArray(result) ? 'allowed' : result).toEqual(expected);
  });

  test('ends on any text, and on a long one', () => {
    const token = fc.constantFrom(...Array.from('{}[],:"\\ a1'), '"payload"', '"accessid"', '\\u0061');
    fc.assert(
      fc.property(fc.array(token, { maxLength: 40 }), (tokens) => {
        scanEvents(tokens.join(''), MAX_DEPTH);
      }),
      { numRuns: FUZZ_RUNS },
    );
    for (const unit of ['"', '\\', '"\\', ',', ':', '[]', '{"a":'])
      scanEvents(unit.repeat(1_000_000), MAX_DEPTH);
  });
});
