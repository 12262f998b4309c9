import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { FUZZ_RUNS } from '../../test/support/fuzz.js';
import { accessIdFault, timestampFault } from '../notifier/event.js';
import {
  FirstMessage,
  InvalidSubscriptionError,
  readFirstMessage,
  readRenewal,
  type Handshake,
} from './first-message.js';
import { firstFault } from './members.js';

/** A handshake that showed nothing. */
const BARE: Handshake = { token: undefined, claimedUser: () => undefined };

const read = (text: string, handshake = BARE) => readFirstMessage(text, handshake);

function faultOf(text: string): string | undefined {
  try {
    read(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof InvalidSubscriptionError)) throw error;
    return error.message;
  }
}

describe('a first message', () => {
  test('in the plain form names a user and a timestamp', () => {
    expect(read('{"access_id":"client1","timestamp":200}')).toEqual({
      form: 'plain',
      request: { accessId: 'client1', timestamp: 200 },
    });
  });

  test.each([
    ['{"access_id":"a","last_event_id":null}', { accessId: 'a', lastEventId: null }],
    [
      '{"access_id":"a","last_event_id":"x","timestamp":1}',
      { accessId: 'a', lastEventId: 'x', timestamp: 1 },
    ],
    ['{"access_id":"a","last_event_id":""}', { accessId: 'a', lastEventId: '' }],
  ])('is resumable where last_event_id is there: %s', (text, request) => {
    expect(read(text)).toEqual({ form: 'resumable', request });
  });

  test('carries a token', () => {
    expect(read('{"access_id":"a","timestamp":1,"token":"t"}').request.token).toBe('t');
  });

  test('leaves to the handshake what it does not say', () => {
    const handshake = { token: 'h', claimedUser: (token: string | undefined) => `user of ${token}` };
    const request = (text: string) => read(text, handshake).request;
    expect(request('{"timestamp":1}')).toEqual({ accessId: 'user of h', timestamp: 1, token: 'h' });
    expect(request('{"timestamp":1,"token":"t"}').accessId).toBe('user of t');
    expect(request('{"access_id":"a","timestamp":1}')).toEqual({ accessId: 'a', timestamp: 1, token: 'h' });
  });

  test.each([
    ['{"token":"t"}', 't'],
    ['{"token":5}', undefined],
    ['null', undefined],
    ['5', undefined],
    ['[]', undefined],
    ['{', undefined],
    ['', undefined],
  ])('is followed by messages that renew the token or say nothing: %s', (text, token) => {
    expect(readRenewal(text)).toBe(token);
  });

  test('lets the last of two members of a name count', () => {
    expect(read('{"access_id":"a","access_id":"b","timestamp":1}').request.accessId).toBe('b');
  });

  test.each([
    ['', 'the first message must be valid JSON'],
    ['{', 'the first message must be valid JSON'],
    ['\ufeff{"access_id":"a","timestamp":1}', 'the first message must be valid JSON'],
    ['null', 'the first message must be a JSON object'],
    ['[]', 'the first message must be a JSON object'],
    ['"client1"', 'the first message must be a JSON object'],
    ['{"timestamp":1}', 'access_id must be a string (it is missing)'],
    ['{"accessid":"a","timestamp":1}', 'access_id must be a string (it is written accessid)'],
    ['{"access_id":"a","timestamp":1,"lastEventId":null}', 'last_event_id is written lastEventId'],
    ['{"access_id":1,"timestamp":1}', 'access_id must be a string'],
    ['{"access_id":"","timestamp":1}', 'access_id must not be empty'],
    ['{"access_id":"\\ud800","timestamp":1}', 'access_id must be well-formed Unicode'],
    ['{"access_id":"a"}', 'timestamp must be an integer (it is missing)'],
    ['{"access_id":"a","timestamp":"1"}', 'timestamp must be an integer'],
    ['{"access_id":"a","timestamp":null}', 'timestamp must be an integer'],
    ['{"access_id":"a","timestamp":null,"last_event_id":null}', 'timestamp must be an integer'],
    ['{"access_id":"a","timestamp":1.5}', 'timestamp must be an integer from -(2^53 - 1) to 2^53 - 1'],
    ['{"access_id":"a","timestamp":1e400}', 'timestamp must be an integer from -(2^53 - 1) to 2^53 - 1'],
    ['{"access_id":"a","timestamp":1,"last_event_id":5}', 'last_event_id must be a string'],
    ['{"access_id":"a","timestamp":1,"token":5}', 'token must be a string'],
    ['{"__proto__":{"access_id":"a","timestamp":1}}', 'access_id must be a string (it is missing)'],
  ])('that is %s is refused: %s', (text, fault) => {
    expect(faultOf(text)).toBe(fault);
  });

  test('is refused or read, whatever it is, by the rules of its members and never by their text', () => {
    const member = fc.oneof(
      fc.constantFrom('a', '', 1, 1.5, null, '\ud800', 'x'.repeat(300)),
      fc.jsonValue(),
    );
    const names = { access_id: member, timestamp: member, token: member, last_event_id: member };
    fc.assert(
      fc.property(fc.record(names, { requiredKeys: [] }), (message) => {
        const fault = faultOf(JSON.stringify(message));
        const { access_id, timestamp, token, last_event_id } = message;
        const isRight =
          accessIdFault(access_id) === undefined &&
          ((last_event_id !== undefined && timestamp === undefined) ||
            timestampFault(timestamp) === undefined) &&
          (token === undefined || typeof token === 'string') &&
          (last_event_id == null || typeof last_event_id === 'string');
        expect(fault === undefined).toBe(isRight);
        const members = JSON.parse(JSON.stringify(message)) as typeof message;
        expect(fault).toBe(firstFault(new FirstMessage(members), members));
        if (fault !== undefined) expect(fault).toMatch(/^(access_id|timestamp|token|last_event_id) must /);
      }),
      { numRuns: FUZZ_RUNS },
    );
  });

  test('is refused, whatever text it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(faultOf(text)).toMatch(/^(the first message|access_id) must /);
      }),
      { numRuns: FUZZ_RUNS },
    );
  });
});
