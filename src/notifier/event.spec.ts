import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { accessIdFault, byteString, eventPrefix, timestampFault } from './event.js';

const isForbidden = (c: number) => c < 0x20 || (c >= 0x7f && c < 0xa0) || c === 0x2028 || c === 0x2029;

describe('an access id', () => {
  it.each(['a', ' ', '__proto__', 'é', 'e\u0301', '\u00a0', '\u200b', '"\\', '\ufffd', '\u{10ffff}', '0'])(
    'may be %j',
    (id) => expect(accessIdFault(id)).toBeUndefined(),
  );

  it('may have 256 bytes of UTF-8, and no more', () => {
    for (const character of ['x', 'é', '€', '😀']) {
      const full = character.repeat(256 / Buffer.byteLength(character));
      expect(accessIdFault(full)).toBeUndefined();
      expect(accessIdFault(`${full}x`.slice(-257))).toBe(
        Buffer.byteLength(`${full}x`) > 256 ? 'must be at most 256 bytes of UTF-8' : undefined,
      );
    }
    expect(accessIdFault('x'.repeat(10_000_000))).toBe('must be at most 256 bytes of UTF-8');
  });

  it.each([undefined, null, 1, true, {}, [], ['a']])('is a string, not %j', (value) => {
    expect(accessIdFault(value)).toBe('must be a string');
  });

  it('is not empty', () => {
    expect(accessIdFault('')).toBe('must not be empty');
  });

  it.each(['\ud800', 'a\udc00', '\udc00\ud800', '😀\ud83d'])('has no half characters: %j', (id) => {
    expect(accessIdFault(id)).toBe('must be well-formed Unicode');
  });

  it('has no character that forges log lines or terminal output, and any other', () => {
    for (let unit = 0; unit < 0xffff; unit++) {
      if (unit >= 0xd800 && unit < 0xe000) continue;
      const fault = accessIdFault(`a${String.fromCharCode(unit)}`);
      const expected = isForbidden(unit)
        ? 'must not contain control characters or line separators'
        : undefined;
      if (fault !== expected) throw new Error(`U+${unit.toString(16)}: ${fault}`);
    }
  });
});

describe('a timestamp', () => {
  it.each([0, -0, 1, -1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 1e1])('may be %d', (value) => {
    expect(timestampFault(value)).toBeUndefined();
  });

  it.each(['10', null, undefined, true, [1], {}, 10n])('is a number, not %p', (value) => {
    expect(timestampFault(value)).toBe('must be an integer');
  });

  it.each([10.5, 2 ** 53, -(2 ** 53), 1e300, Infinity, -Infinity, NaN])('is no %d', (value) => {
    expect(timestampFault(value)).toBe('must be an integer from -(2^53 - 1) to 2^53 - 1');
  });
});

describe('an event’s text', () => {
  it('begins as JSON that says whose it is and when it was created', () => {
    const ids = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 });
    const times = fc.maxSafeInteger();
    const holds = fc.property(ids, times, (accessId, createdAt) => {
      const text = Buffer.from(`${eventPrefix(accessId, createdAt)}null}`, 'latin1').toString();
      expect(JSON.parse(text)).toEqual({ accessid: accessId, created_at: createdAt, payload: null });
    });
    fc.assert(holds);
  });

  it('has the form that the protocol shows', () => {
    expect(eventPrefix('client1', 10)).toBe('{"accessid":"client1","created_at":10,"payload":');
    expect(eventPrefix('a', -0)).toContain('"created_at":0,');
    expect(eventPrefix('a', Number.MIN_SAFE_INTEGER)).toContain('"created_at":-9007199254740991,');
  });
});

describe('a byte string', () => {
  it('has one character for each byte of UTF-8', () => {
    const holds = fc.property(fc.string({ unit: 'binary' }), (text) => {
      const bytes = byteString(text);
      expect(bytes).toHaveLength(Buffer.byteLength(text));
      expect(Buffer.from(bytes, 'latin1').toString()).toBe(text);
    });
    fc.assert(holds);
  });
});
