import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { Turns } from './turns.js';
import { collectGarbage } from '../../../test/support/garbage.js';

const ALICE = new Set(['alice']);

/** Enough that what is kept of each is told from what else the heap does. */
const USERS = 10_000;

class Claim {
  answer!: (outcome: unknown) => void;
  fail!: (error: Error) => void;
  readonly promise = new Promise<unknown>((resolve, reject) => {
    this.answer = resolve;
    this.fail = reject;
  });
}

describe('the turns of pushes to one user', () => {
  it('come in the order of the pushes, whichever is claimed first, and although a claim fails', async () => {
    const turns = new Turns();
    const gone: number[] = [];
    const claims = [new Claim(), new Claim()];
    const taken = claims.map(({ promise }, i) => turns.take(ALICE, promise).then(() => gone.push(i)));
    taken.push(turns.take(new Set(['bob', 'alice']), undefined).then(() => gone.push(2)));
    claims[1]!.answer(['new']);
    await turnOfTheLoop();
    expect(gone).toEqual([]);
    claims[0]!.fail(new Error('Redis is too slow'));
    await Promise.all(taken);
    expect(gone).toEqual([0, 1, 2]);
  });

  it('come behind one that waits, although one before that has gone on', async () => {
    const turns = new Turns();
    const gone: number[] = [];
    const claims = [new Claim(), new Claim()];
    const taken = claims.map(({ promise }, i) => turns.take(ALICE, promise).then(() => gone.push(i)));
    claims[0]!.answer(['new']);
    await taken[0];
    taken.push(turns.take(ALICE, undefined).then(() => gone.push(2)));
    await turnOfTheLoop();
    expect(gone).toEqual([0]);
    claims[1]!.answer(['new']);
    await Promise.all(taken);
    expect(gone).toEqual([0, 1, 2]);
  });

  it('keep nothing of a user whose pushes have gone on', async () => {
    const turns = new Turns();
    const pushTo = (from: number) =>
      Promise.all(
        Array.from({ length: USERS }, (_, i) => turns.take(new Set([`user${from + i}`]), undefined)),
      );
    await pushTo(0);
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    for (let round = 1; round <= 10; round++) await pushTo(round * USERS);
    collectGarbage();
    expect((process.memoryUsage().heapUsed - before) / (10 * USERS)).toBeLessThan(20);
  });

  it('keep nothing of a push that has gone on, although the next has always come meanwhile', async () => {
    const turns = new Turns();
    const outcomes: WeakRef<object>[] = [];
    let claim = new Claim();
    void turns.take(ALICE, claim.promise);
    for (let i = 0; i < 10; i++) {
      const next = new Claim();
      void turns.take(ALICE, next.promise);
      const outcome = ['new'];
      outcomes.push(new WeakRef(outcome));
      claim.answer(outcome);
      claim = next;
      await turnOfTheLoop();
    }
    collectGarbage();
    expect(outcomes.slice(0, -1).filter((outcome) => outcome.deref())).toEqual([]);
  });
});
