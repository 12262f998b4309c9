import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { TokenSource } from './token-source.js';

const NOW_S = 1_800_000_000;

function tokenWith(claims: object): string {
  return `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.signature`;
}

describe('a token is renewed', () => {
  beforeEach(() => void jest.useFakeTimers({ now: NOW_S * 1000 }));
  afterEach(() => void jest.useRealTimers());

  /** In how many seconds, where it was made and ends so many seconds from now. */
  it.each<[string, number, { iat?: number; exp?: number }]>([
    ['when a fifth of its life is left', 800, { iat: 0, exp: 1000 }],
    ['as one that is new where it does not say when it was made', 800, { exp: 1000 }],
    ['after half of what is left where that is later', 50, { iat: -900, exp: 100 }],
    ['no sooner than after a second', 1, { iat: 0, exp: 1 }],
    ['as one that is new where it seems to be over', 800, { iat: -2000, exp: -1000 }],
    ['as one that is new where it seems to come from the future', 800, { iat: 500, exp: 1500 }],
    ['never where it does not say when it ends', Infinity, { iat: 0 }],
    ['never where it ended before it was made', Infinity, { iat: 0, exp: -10 }],
  ])('%s', async (_, seconds, claims) => {
    const absolute = Object.entries(claims).map(([name, time]) => [name, NOW_S + time]);
    const source = new TokenSource(() => tokenWith(Object.fromEntries(absolute)));
    await source.get();
    expect(source.renewAt / 1000 - NOW_S).toBe(seconds);
  });
});
