import { describe, expect, test } from '@jest/globals';
import { HttpException } from '@nestjs/common';
import * as fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { FUZZ_RUNS } from '../../test/support/fuzz.js';
import { integerText, spaced, spelled, valueText } from '../../test/support/json-texts.js';
import type { PushedEvent } from '../notifier/event.js';
import { firstFault } from '../wire/members.js';
import { PushedEventRequest, readPushedEvents } from './push-request.js';

const LIMITS = { maxBodyBytes: 1_048_576, maxBatchEvents: 100, maxEventBytes: 10_000 };

const read = (body: string | Buffer) => readPushedEvents(Buffer.from(body as string), LIMITS);

/** The events as their texts, which is what subscribers get. */
const texts = (body: string | Buffer) => read(body).map(({ text }) => Buffer.from(text, 'latin1').toString());

function errorOf(body: string | Buffer): { status: number; message: string } | undefined {
  try {
    read(body);
    return undefined;
  } catch (error) {
    if (!(error instanceof HttpException)) throw error;
    return { status: error.getStatus(), message: error.message };
  }
}

interface WrittenEvent {
  /** One of the many ways to write it down. */
  readonly written: string;
  readonly delivered: string;
}

const accessId = fc.oneof(
  fc.constantFrom('client1', '__proto__', 'é', '😀', '"quoted"', 'a\\b', '{}', ' '),
  fc.string({ minLength: 1, maxLength: 10, unit: fc.constantFrom(...Array.from('abc:/"\\{}é€😀')) }),
);

/** Members that do not count: of other names, or followed by another of the same name. */
const uncounted = fc.array(
  fc.tuple(fc.constantFrom('accessid', 'created_at', 'payload', 'id', '__proto__', ''), valueText),
  { maxLength: 2 },
);

const member = (name: string, value: Arbitrary<string>) =>
  fc.tuple(spelled(name), value).map(([key, text]) => `${key} :\t${text}`);

const writtenEvent: Arbitrary<WrittenEvent> = fc
  .record({ id: accessId, createdAt: fc.oneof(fc.maxSafeInteger(), fc.constant(-0)), payload: valueText })
  .chain(({ id, createdAt, payload }) => {
    const counted = fc
      .tuple(
        member('accessid', spelled(id)),
        member('created_at', integerText(createdAt)),
        member('payload', fc.constant(payload)),
        member('other', valueText),
      )
      .chain((members) => fc.shuffledSubarray(members, { minLength: 4 }));
    const members = fc
      .tuple(uncounted, counted)
      .map(([before, after]) => [...before.map(([name, value]) => `"${name}":${value}`), ...after]);
    const delivered = `{"accessid":${JSON.stringify(id)},"created_at":${createdAt},"payload":${payload}}`;
    return spaced(members, '{', '}').map((written) => ({ written, delivered }));
  });

const writtenPush = fc.array(writtenEvent, { maxLength: 4 }).chain((events) =>
  spaced(fc.constant(events.map(({ written }) => written)), '\n[', '] ').map((body) => ({
    body,
    delivered: events.map(({ delivered }) => delivered),
  })),
);

describe('a push', () => {
  test('keeps the text of every payload byte for byte, however the events are written', () => {
    fc.assert(
      fc.property(writtenPush, ({ body, delivered }) => {
        expect(texts(body)).toEqual(delivered);
      }),
      { numRuns: FUZZ_RUNS },
    );
  });

  test.each([
    '1.0',
    '12345678901234567890',
    '1E400',
    '"\\u00e9"',
    '"é"',
    '{ "b" : 1,\n"a":[ ] }',
    '-0',
    'null',
    '"\\/"',
  ])('keeps the payload %s', (payload) => {
    const body = `[{"accessid":"é","payload": ${payload} ,"created_at":1e1}]`;
    expect(texts(body)).toEqual([`{"accessid":"é","created_at":10,"payload":${payload}}`]);
  });

  test('delivers what JSON.parse reads, or refuses, whatever bytes come', () => {
    const mutation = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      remove: fc.nat(3),
      insert: fc.oneof(
        fc.constantFrom(
          '"',
          '\\',
          '{',
          '}',
          '[',
          ']',
          ',',
          ':',
          '"payload":',
          '"accessid":"x"',
          '\\u0022',
          '\n',
          'é',
        ),
        fc.uint8Array({ maxLength: 3 }),
      ),
    });
    fc.assert(
      fc.property(writtenPush, fc.array(mutation, { minLength: 1, maxLength: 4 }), ({ body }, mutations) => {
        let bytes = Buffer.from(body);
        for (const { at, remove, insert } of mutations) {
          const place = Math.floor(at * bytes.length);
          const after = bytes.subarray(place + remove);
          bytes = Buffer.concat([bytes.subarray(0, place), Buffer.from(insert as string), after]);
        }
        expectAsParsed(bytes);
      }),
      { numRuns: FUZZ_RUNS },
    );
  });

  test('is refused, whatever random bytes it is made of', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => expectAsParsed(Buffer.from(bytes))),
      { numRuns: FUZZ_RUNS },
    );
  });
});

/** The check by hand and the scan together must see what JSON.parse sees: else what is checked is not what is sent. */
function expectAsParsed(body: Buffer): void {
  const error = errorOf(body);
  if (error) return expect([400, 413]).toContain(error.status);
  const parsed = JSON.parse(body.toString()) as Record<string, unknown>[];
  const events: PushedEvent[] = read(body);
  expect(events.length).toBe(parsed.length);
  for (const [i, { accessId: id, createdAt, text }] of events.entries()) {
    const { accessid, created_at, payload } = parsed[i]!;
    expect({ id, createdAt: createdAt + 0 }).toEqual({ id: accessid, createdAt: (created_at as number) + 0 });
    const delivered = JSON.parse(Buffer.from(text, 'latin1').toString()) as unknown;
    expect(delivered).toEqual({ accessid, created_at: (created_at as number) + 0, payload });
  }
}

/** A push of one event that takes so many bytes as delivered. */
const sized = (bytes: number) =>
  `[{"accessid":"a","created_at":1,"payload":"${'é'.repeat((bytes - 44) / 2)}"}]`;

describe('the check by hand', () => {
  const anyMember = fc.oneof(
    accessId,
    fc.maxSafeInteger(),
    fc.constantFrom<unknown>(
      undefined,
      null,
      '',
      'a'.repeat(256),
      'a'.repeat(257),
      'é'.repeat(129),
      '\ud800',
      'a\udc00b',
      'a\u0000',
      '\u0085',
      '\u2028',
      1.5,
      2 ** 53,
      -(2 ** 53),
      '10',
      true,
      [],
      {},
    ),
    fc.string({ unit: 'binary', maxLength: 3 }),
    fc.jsonValue({ maxDepth: 1 }),
  );

  test('refuses what the request class refuses, in the same words', () => {
    fc.assert(
      fc.property(
        fc.record({ accessid: anyMember, created_at: anyMember, payload: anyMember }, { requiredKeys: [] }),
        (event) => {
          const members = JSON.parse(JSON.stringify(event)) as Record<string, unknown>;
          const fault = firstFault(new PushedEventRequest(members), members);
          expect(errorOf(JSON.stringify([event]))?.message).toBe(fault && `events[0].${fault}`);
        },
      ),
      { numRuns: FUZZ_RUNS },
    );
  });

  test('names the place of the first mistake', () => {
    const good = '{"accessid":"a","created_at":1,"payload":1}';
    expect(errorOf(`[${good},{"accessid":"a","created_at":"x","payload":1},5]`)).toEqual({
      status: 400,
      message: 'events[1].created_at must be an integer',
    });
    expect(errorOf(`[${good},5]`)).toEqual({ status: 400, message: 'events[1] must be an object' });
  });

  test.each([
    ['{"created_at":1,"payload":1}', 'accessid must be a string (it is missing)'],
    ['{"access_id":"a","created_at":1,"payload":1}', 'accessid must be a string (it is written access_id)'],
    ['{"accessid":"a","createdAt":1,"payload":1}', 'created_at must be an integer (it is written createdAt)'],
    ['{"accessid":"a","created_at":1,"Payload":1}', 'payload must be a JSON value (it is written Payload)'],
    ['{"accessid":"a","created_at":1}', 'payload must be a JSON value (it is missing)'],
    ['{"access______id":"a","created_at":1,"payload":1}', 'accessid must be a string (it is missing)'],
  ])('says of %s that a member is not there, and how it is written', (event, fault) => {
    expect(errorOf(`[${event}]`)?.message).toBe(`events[0].${fault}`);
  });

  test.each([
    ['', 'body must not be empty'],
    ['{}', 'body must be an array of events'],
    ['[', 'body must be valid JSON'],
    ['\ufeff[]', 'body must be valid JSON'],
    [Buffer.from([0x5b, 0xff, 0x5d]), 'body must be valid UTF-8'],
  ])('words what is wrong with the body %p', (body, message) => {
    expect(errorOf(body)).toEqual({ status: 400, message });
  });

  test('never repeats what it was sent', () => {
    expect(errorOf('[{"accessid":"secret\\u0000","created_at":1,"payload":1}]')?.message).not.toContain(
      'secret',
    );
    expect(errorOf('[secret')?.message).not.toContain('secret');
  });

  test('allows as many events and as large ones as the limits say, and no more', () => {
    const event = '{"accessid":"a","created_at":1,"payload":1}';
    const list = (count: number) => `[${Array.from({ length: count }, () => event).join()}]`;
    expect(read(list(100))).toHaveLength(100);
    expect(errorOf(list(101))).toEqual({ status: 413, message: 'body must hold at most 100 events' });
    expect(read(sized(10_000))[0]!.text).toHaveLength(10_000);
    expect(errorOf(sized(10_002))?.status).toBe(413);
  });
});
