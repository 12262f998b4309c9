import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { formatPosition, newEpoch, newTag, parsePosition } from './position.js';

const positions = fc.record({
  epoch: fc.constant(undefined).map(() => newEpoch()),
  seq: fc.maxSafeNat(),
  tag: fc.nat(2 ** 32 - 1),
});

describe('a position', () => {
  it('is read back from the text that a client was given', () => {
    const holds = fc.property(positions, (position) => {
      expect(parsePosition(formatPosition(position))).toEqual(position);
    });
    fc.assert(holds);
  });

  it('is written in characters that JSON, headers and URLs take as they are', () => {
    fc.assert(
      fc.property(positions, (position) => {
        expect(formatPosition(position)).toMatch(/^[0-9A-Za-z_.-]{12,34}$/);
      }),
    );
  });

  it('is written in at most the bytes that a frame reckons with', () => {
    const longest = { epoch: newEpoch(), seq: Number.MAX_SAFE_INTEGER, tag: 2 ** 32 - 1 };
    expect(formatPosition(longest).length).toBeLessThanOrEqual(8 + 1 + 16 + 1 + 7);
  });

  it.each([
    '',
    'null',
    'AAAAAAAA',
    'AAAAAAAA.1',
    'AAAAAAAA.1.',
    'AAAAAAAA..1',
    'AAAAAAAA.01.1',
    'AAAAAAAA.1.01',
    'AAAAAAAA.-1.1',
    'AAAAAAAA.1e3.1',
    'AAAAAAAA.1.A',
    'AAAAAAAA.1.zzzzzzzz',
    'AAAAAAAA.9007199254740993.1',
    'AAAAAAAA.99999999999999999.1',
    'AAAAAAA.1.1',
    'AAAAAAAAA.1.1',
    'AAAAAAA+.1.1',
    'AAAAAAAA.1.1\n',
    ' AAAAAAAA.1.1',
    'AAAAAAAA.1.1.1',
    'AAAAAAAA.١.1',
  ])('is nothing that this server never wrote: %j', (text) => {
    expect(parsePosition(text)).toBeUndefined();
  });
});

describe('epochs and tags', () => {
  it('do not repeat', () => {
    const epochs = new Set(Array.from({ length: 10_000 }, () => newEpoch()));
    expect(epochs.size).toBe(10_000);
    // Two among 3,000 numbers of 31 bits are equal once in five hundred runs; three such pairs never are.
    const tags = new Set(Array.from({ length: 3000 }, () => newTag()));
    expect(tags.size).toBeGreaterThan(2997);
  });

  it('are drawn from the whole of their range', () => {
    const drawn = Array.from({ length: 3000 }, () => newTag());
    expect(Math.max(...drawn)).toBeGreaterThan(2 ** 30);
    expect(drawn.every((tag) => Number.isInteger(tag) && tag >= 0 && tag < 2 ** 31)).toBe(true);
  });
});
