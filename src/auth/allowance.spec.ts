import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { RateExceededError } from '../notifier/connectors.js';
import { Allowance } from './allowance.js';

/** Seconds after which a push may be repeated; 0 where it was taken. */
function take(allowance: Allowance, events: number, now: number): number {
  try {
    allowance.take(events, now);
    return 0;
  } catch (error) {
    if (!(error instanceof RateExceededError)) throw error;
    return error.retryAfterSeconds;
  }
}

describe('an allowance', () => {
  test('is full at first, and holds one second of events', () => {
    const allowance = new Allowance(3);
    expect([1, 1, 1, 1].map((events) => take(allowance, events, 0))).toEqual([0, 0, 0, 1]);
  });

  test('fills evenly', () => {
    const allowance = new Allowance(10);
    expect(take(allowance, 10, 0)).toBe(0);
    expect(take(allowance, 1, 99)).toBe(1);
    expect(take(allowance, 1, 100)).toBe(0);
    expect(take(allowance, 1, 100)).toBe(1);
  });

  test('holds no more than a second, however long nothing was pushed', () => {
    const allowance = new Allowance(10);
    expect(take(allowance, 10, 1_000_000)).toBe(0);
    expect(take(allowance, 1, 1_000_000)).toBe(1);
  });

  test('gives a push that is larger than it once it is full, and is in debt then', () => {
    const allowance = new Allowance(10);
    expect(take(allowance, 1, 0)).toBe(0);
    expect(take(allowance, 100, 0)).toBe(1);
    expect(take(allowance, 100, 100)).toBe(0);
    expect(take(allowance, 1, 100)).toBe(10);
    expect(take(allowance, 1, 9199)).toBe(1);
    expect(take(allowance, 1, 9200)).toBe(0);
  });

  test('takes nothing for nothing, in debt too', () => {
    const allowance = new Allowance(1);
    expect(take(allowance, 100, 0)).toBe(0);
    expect(take(allowance, 0, 0)).toBe(0);
  });

  test('keeps the rate whatever is pushed, and takes after the time that it names', () => {
    const pushes = fc.array(fc.tuple(fc.integer({ min: 0, max: 50 }), fc.nat(3000)), { maxLength: 60 });
    const holds = fc.property(fc.integer({ min: 1, max: 1000 }), pushes, (rate, steps) => {
      const allowance = new Allowance(rate);
      let now = 12_345.678;
      const start = now;
      let taken = 0;
      let largest = 0;
      for (const [events, wait] of steps) {
        now += wait;
        const retryAfter = take(allowance, events, now);
        if (retryAfter > 0) {
          now += retryAfter * 1000;
          expect(take(allowance, events, now)).toBe(0);
        }
        taken += events;
        largest = Math.max(largest, events);
        // The bucket of the start, what has flowed in since, and at most one push's debt.
        expect(taken).toBeLessThanOrEqual(rate * (1 + (now - start) / 1000) + largest + 0.01);
      }
    });
    fc.assert(holds, { numRuns: 500 });
  });
});
