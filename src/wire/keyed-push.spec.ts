import { describe, expect, test } from '@jest/globals';
import { HttpException } from '@nestjs/common';
import * as fc from 'fast-check';
import { FUZZ_RUNS } from '../../test/support/fuzz.js';
import { valueText } from '../../test/support/json-texts.js';
import { readPushMessage } from './keyed-push.js';

const read = (text: string) => readPushMessage(Buffer.from(text), 'shop');
const bodyOf = (text: string) => read(text).body.toString();

function faultOf(text: string): string | undefined {
  try {
    read(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof HttpException)) throw error;
    return error.message;
  }
}

describe('a message of a connector', () => {
  test.each(['[]', ' [1]', 'x', '', '"events"', '\ufeff{}'])('%p is left to whoever reads events', (text) => {
    expect(read(text)).toEqual({ body: Buffer.from(text), idempotency: undefined });
  });

  test.each([
    '{"idempotency_key":"k","events":[1]}',
    '{"events" : [1] , "idempotency_key" : "k" }\n',
    `${' '.repeat(100)}{"idempotency_key":"k","events":[1]}`,
    '{"events":[0],"other":{"events":[2],"a":["]}"]},"idempotency_key":"k","events":[1]}',
    '{"\\u0065vents":[1],"idempotency\\u005fkey":"\\u006b"}',
  ])('%p claims its events', (text) => {
    const { body, idempotency } = read(text);
    expect(body.toString()).toBe('[1]');
    expect(idempotency).toEqual(read('{"idempotency_key":"k","events":[1]}').idempotency);
  });

  test.each([
    ['{}', 'body must be an array of events, or an object with idempotency_key and events'],
    ['{"accessid":"a"}', 'body must be an array of events, or an object with idempotency_key and events'],
    ['{"events":[]}', 'idempotency_key must be a string (it is missing)'],
    ['{"events":[],"idempotency_key":1}', 'idempotency_key must be a string'],
    ['{"events":[],"idempotency_key":""}', 'idempotency_key must be 1 to 255 printable ASCII characters'],
    ['{"events":[],"idempotency_key":"k "}', 'idempotency_key must be 1 to 255 printable ASCII characters'],
    ['{"events":[],"idempotency_key":"é"}', 'idempotency_key must be 1 to 255 printable ASCII characters'],
    ['{"idempotency_key":"k"}', 'events must be an array of events (it is missing)'],
    ['{"idempotency_key":"k","events":null}', 'events must be an array of events'],
    ['{"idempotency_key":"k","events":[]', 'body must be valid JSON'],
    ['{"idempotency_key":"k","events":[],}', 'body must be valid JSON'],
    ['{"idempotency_key":"k","events":[]} []', 'body must be valid JSON'],
    ['{"a":1}\n{"a":2}', 'body must be valid JSON'],
    ['{', 'body must be valid JSON'],
    [`{"a":${'['.repeat(70)}`, 'body must be nested at most 64 deep'],
  ])('of %p it is told that %s', (text, fault) => {
    expect(faultOf(text)).toBe(fault);
  });

  test('events that go too deep are left to whoever can name the one', () => {
    const deep = `[{"payload":${'['.repeat(70)}${']'.repeat(70)}}]`;
    expect(bodyOf(`{"idempotency_key":"k","events":${deep}}`)).toBe(`${deep}}`);
  });

  test('is read as JSON.parse reads it', () => {
    const member = fc.tuple(fc.constantFrom('events', 'idempotency_key', 'other', 'ev'), valueText);
    fc.assert(
      fc.property(fc.array(member, { maxLength: 5 }), (members) => {
        const text = `{"idempotency_key":"k"${members.map(([name, value]) => `,"${name}": ${value}`).join('')}}`;
        const { idempotency_key: key, events } = JSON.parse(text) as Record<string, unknown>;
        const isRight =
          typeof key === 'string' && /^(?! )[\x20-\x7e]{1,255}(?<! )$/.test(key) && Array.isArray(events);
        if (isRight) expect(JSON.parse(bodyOf(text))).toEqual(events);
        else expect(faultOf(text)).toBeDefined();
      }),
      { numRuns: FUZZ_RUNS },
    );
  });
});
