import { describe, expect, it } from '@jest/globals';
import { isFinal, reconnectDelayMs } from './reconnect.js';

describe('the reconnect rule', () => {
  it.each([1000, 1002, 1003, 1007, 1008, 1009, 1010, 4500, 4501, 4503, 4504, 4999])('%d ends it', (code) => {
    expect(isFinal(code)).toBe(true);
  });

  it.each([1001, 1004, 1005, 1006, 1011, 1012, 1013, 1015, 3000, 4002, 4005, 4008, 4013, 4499, 5000])(
    'after %d a client reconnects',
    (code) => {
      expect(isFinal(code)).toBe(false);
    },
  );

  it('waits as long as the reason says', () => {
    expect(reconnectDelayMs('restarting retry_after_ms=1234', 5, 100)).toBe(1234);
  });

  it.each([
    ['the window that the server named, first', 0, 4000, 4000],
    ['half a second after the first failure', 1, 4000, 500],
    ['twice as long after every other', 4, 4000, 4000],
    ['20 seconds at most', 60, 4000, 20_000],
  ])('spreads evenly over %s', (_, failures, withinMs, windowMs) => {
    const delays = Array.from({ length: 2000 }, () => reconnectDelayMs('', failures, withinMs));
    expect(Math.max(...delays)).toBeLessThan(windowMs);
    expect(Math.max(...delays)).toBeGreaterThan(windowMs * 0.95);
    expect(Math.min(...delays)).toBeLessThan(windowMs * 0.05);
  });
});
