import { describe, expect, jest, test } from '@jest/globals';
import { RateExceededError } from '../notifier/connectors.js';
import { Allowance } from './allowance.js';
import { RateLimitedConnectors } from './open-connectors.js';

/** Twice as many as are remembered although they say nothing. */
const OTHERS = 20_000;

function addressesOf(connectors: RateLimitedConnectors): ReadonlyMap<string, unknown> {
  return (connectors as unknown as { allowances: Map<string, unknown> }).allowances;
}

describe('a rate for each address', () => {
  test('forgets no debt, and keeps few of those who have none, however many come', () => {
    const connectors = new RateLimitedConnectors(1);
    const push = (address: string, events: number) =>
      connectors.admit({ apiKey: undefined, address }).charge(events);
    push('203.0.113.1', 3600);
    for (let i = 0; i < OTHERS; i++) push(`other ${i}`, 0);
    expect(() => push('203.0.113.1', 1)).toThrow(RateExceededError);
    expect(addressesOf(connectors).size).toBeLessThanOrEqual(OTHERS / 2);
  });

  test('looks for those who have none only when there are twice as many addresses', () => {
    const looks = jest.spyOn(Allowance.prototype, 'isFull');
    const connectors = new RateLimitedConnectors(1);
    for (let i = 0; i < OTHERS / 2 + 10; i++) {
      connectors.admit({ apiKey: undefined, address: `other ${i}` }).charge(3600);
    }
    expect(looks.mock.calls.length).toBeLessThanOrEqual(OTHERS / 2);
    looks.mockRestore();
  });
});
