import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { FloodGuard } from './flood-guard.js';

const MAX = 50;
const WINDOW_MS = 10_000;

describe('the flood guard', () => {
  test('lets 50 in any 10 s pass, and no more', () => {
    const guard = new FloodGuard();
    const verdicts = Array.from({ length: 51 }, (_, i) => guard.count(i * 100));
    expect(verdicts.indexOf(true)).toBe(50);
  });

  test.each([
    [WINDOW_MS - 1, true],
    [WINDOW_MS, false],
  ])('judges one more after %d ms', (now, verdict) => {
    const guard = new FloodGuard();
    for (let i = 0; i < MAX; i++) guard.count(0);
    expect(guard.count(now)).toBe(verdict);
  });

  test('lets 50 every 10 s pass for ever', () => {
    const guard = new FloodGuard();
    for (let i = 0; i < 1000; i++) expect(guard.count(i * (WINDOW_MS / MAX))).toBe(false);
  });

  test('counts what any window of 10 s holds, itself included', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400), { maxLength: 200, size: 'max' }), (gaps) => {
        const guard = new FloodGuard();
        const times: number[] = [];
        let now = 0;
        for (const gap of gaps) {
          now += gap;
          times.push(now);
          const inWindow = times.filter((time) => now - time < WINDOW_MS).length;
          expect(guard.count(now)).toBe(inWindow > MAX);
        }
      }),
    );
  });
});
