import { describe, expect, test } from '@jest/globals';
import { AdmissionQueue } from './admission-queue.js';

/** A multiple of what begins in a turn: the last of a storm take all of theirs. */
const MANY = 192;

describe('the admission of subscriptions', () => {
  test('is at once for a few', async () => {
    const queue = new AdmissionQueue();
    let turns = 0;
    setImmediate(() => turns++);
    await Promise.all([queue.turn(), queue.turn()]);
    expect(turns).toBe(0);
  });

  test('is in the order of arrival, and leaves turns of the event loop to others', async () => {
    const queue = new AdmissionQueue();
    const order: number[] = [];
    const perTurn: number[] = [];
    const all = Array.from({ length: MANY }, async (_, i) => {
      await queue.turn();
      order.push(i);
    });
    let before = 0;
    while (order.length < MANY) {
      await new Promise(setImmediate);
      perTurn.push(order.length - before);
      before = order.length;
    }
    await Promise.all(all);
    expect(order).toEqual(Array.from({ length: MANY }, (_, i) => i));
    expect(Math.max(...perTurn)).toBeLessThanOrEqual(MANY / 5);
  });

  test('is at once again when the storm is over', async () => {
    const queue = new AdmissionQueue();
    await Promise.all(Array.from({ length: MANY }, () => queue.turn()));
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    let turns = 0;
    setImmediate(() => turns++);
    await queue.turn();
    expect(turns).toBe(0);
  });
});
