import { describe, expect, test } from '@jest/globals';
import { RateExceededError } from '../notifier/connectors.js';
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
});
