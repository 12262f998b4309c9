import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { Delivery, fitFrame, framedBytes, MAX_FRAME_BYTES } from './delivery.js';
import type { StoredEvent } from './event-log.js';
import { formatPosition } from './position.js';

function events(...sizes: number[]): StoredEvent[] {
  return sizes.map((bytes, i) => ({ seq: i + 1, tag: 7, createdAt: i, text: 'x'.repeat(bytes) }));
}

const weight = (some: readonly StoredEvent[]) => some.reduce((sum, one) => sum + framedBytes(one), 0);

describe('a frame', () => {
  it('takes as many events as fit, with their ids', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 1, maxLength: 30 });
    const holds = fc.property(sizes, fc.nat(29), (bytes, first) => {
      const all = events(...bytes);
      const from = first % all.length;
      const count = fitFrame(all, from);
      const taken = all.slice(from, from + count);
      expect(count).toBeGreaterThan(0);
      if (count > 1) expect(weight(taken)).toBeLessThanOrEqual(MAX_FRAME_BYTES);
      const next = all[from + count];
      if (next) expect(weight([...taken, next])).toBeGreaterThan(MAX_FRAME_BYTES);
    });
    fc.assert(holds);
  });

  it('takes one event however large', () => {
    expect(fitFrame(events(MAX_FRAME_BYTES * 2, 1), 0)).toBe(1);
    expect(fitFrame(events(1, MAX_FRAME_BYTES * 2, 1), 1)).toBe(1);
  });

  it('reckons with the longest id and the comma', () => {
    const id = formatPosition({ epoch: 'AAAAAAAA', seq: Number.MAX_SAFE_INTEGER, tag: 2 ** 32 - 1 });
    const [event] = events(100);
    expect(framedBytes(event!)).toBeGreaterThanOrEqual(100 + `"id":"${id}",`.length + ','.length);
  });
});

describe('a delivery', () => {
  it('ends at its last event', () => {
    const { end } = new Delivery('resumable', 'AAAAAAAA', events(1, 1, 1));
    expect(end).toEqual({ epoch: 'AAAAAAAA', seq: 3, tag: 7 });
  });
});
