import { describe, expect, test } from '@jest/globals';
import { quantileMs } from './quantile.js';

const bounds = [0.001, 0.002, 0.004];

describe('a quantile of counted durations', () => {
  test('is null where nothing was counted', () => {
    expect(quantileMs({ bounds, counts: [0, 0, 0, 0] }, 0.5)).toBeNull();
  });

  test('lies within the bounds of the count that it falls into, as far as its share goes', () => {
    expect(quantileMs({ bounds, counts: [100, 0, 0, 0] }, 0.5)).toBeCloseTo(0.5);
    expect(quantileMs({ bounds, counts: [50, 50, 0, 0] }, 0.5)).toBeCloseTo(1);
    expect(quantileMs({ bounds, counts: [0, 0, 100, 0] }, 0.5)).toBeCloseTo(3);
    expect(quantileMs({ bounds, counts: [99, 0, 1, 0] }, 0.99)).toBeCloseTo(1);
    expect(quantileMs({ bounds, counts: [98, 0, 2, 0] }, 0.99)).toBeCloseTo(3);
  });

  test('is the last bound where it lies beyond', () => {
    expect(quantileMs({ bounds, counts: [1, 0, 0, 99] }, 0.5)).toBe(4);
  });
});
