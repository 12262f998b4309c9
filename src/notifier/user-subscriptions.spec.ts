import { describe, expect, test } from '@jest/globals';
import { UserSubscriptions } from './user-subscriptions.js';

describe("a user's drops", () => {
  test('are never fewer than this node has carried out, as long as the store loses nothing', () => {
    const user = new UserSubscriptions('alice', Promise.resolve());
    user.note({ drops: 0, losses: 0 });
    user.drops = 1;
    user.note({ drops: 0, losses: 0 });
    expect(user.drops).toBe(1);
  });

  test('are counted anew once the store has lost its data', () => {
    const user = new UserSubscriptions('alice', Promise.resolve());
    user.note({ drops: 0, losses: 0 });
    user.drops = 3;
    user.note({ drops: 0, losses: 7 });
    expect(user.drops).toBe(0);
  });
});
