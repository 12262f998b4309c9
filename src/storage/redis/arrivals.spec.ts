import { describe, expect, test } from '@jest/globals';
import { nowMs } from '../../notifier/event.js';
import { Arrivals } from './arrivals.js';

const HOUR_MS = 3_600_000;

/** How old a push is by now. */
function ageOf(arrivals: Arrivals, tag: number, carried: string): number {
  const { at } = arrivals.of(tag, carried)!;
  return nowMs() - at;
}

describe('the arrival of a push', () => {
  test('is the very same where it came in', () => {
    const arrivals = new Arrivals();
    const arrival = { at: nowMs() };
    const carried = arrivals.depart(7, arrival);
    expect(arrivals.of(7, carried)).toBe(arrival);
  });

  test('is told to other nodes by the wall clock', () => {
    const before = Date.now();
    const carried = new Arrivals().depart(7, { at: nowMs() - 500 });
    expect(Number(carried)).toBeGreaterThan(before - 600);
    expect(Number(carried)).toBeLessThan(Date.now() - 400);
    expect(ageOf(new Arrivals(), 7, carried)).toBeGreaterThanOrEqual(499);
  });

  test('is now where the other clock is ahead', () => {
    const age = ageOf(new Arrivals(), 7, String(Date.now() + HOUR_MS));
    expect(age).toBeGreaterThanOrEqual(0);
    expect(age).toBeLessThan(HOUR_MS / 2);
  });

  test('is unknown where nobody measured', () => {
    const arrivals = new Arrivals();
    expect(arrivals.depart(7, undefined)).toBe('');
    expect(arrivals.of(7, '')).toBeUndefined();
  });

  test('is that of the wall clock once too many have come since', () => {
    const arrivals = new Arrivals();
    const arrival = { at: nowMs() };
    const carried = arrivals.depart(0, arrival);
    for (let tag = 1; tag < 10_000; tag++) arrivals.depart(tag, arrival);
    expect(arrivals.of(0, carried)).not.toBe(arrival);
    expect(ageOf(arrivals, 0, carried)).toBeGreaterThanOrEqual(0);
  });
});
