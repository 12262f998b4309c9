import { describe, expect, it } from '@jest/globals';
import { claimed, event, eventsOf, held, push } from './events.js';
import { leftOut, ManualClock, type Suite } from './harness.js';

/** Keys that have a meaning of their own where a store is careless. */
const KEYS = ['__proto__', 'constructor', 'a', 'A', 'a:b', '*', 'key with spaces', 'k'.repeat(400)];

export function describeIdempotency({ open, can }: Suite): void {
  const timed = can.manualClock ? it : leftOut;

  describe('an idempotency key', () => {
    it('lets a repeat through without storing it again', async () => {
      const { log } = await open();
      expect(await log.append(claimed('key', 'one', event('alice', 1)))).toBe('stored');
      expect(await log.append(claimed('key', 'one', event('alice', 1)))).toBe('repeated');
      expect(await held(log, 'alice')).toHaveLength(1);
    });

    it('refuses other events, and stores none of them', async () => {
      const { log } = await open();
      await log.append(claimed('key', 'one', event('alice', 1)));
      expect(await log.append(claimed('key', 'two', event('alice', 2), event('bob', 2)))).toBe('conflict');
      expect(await held(log, 'alice')).toHaveLength(1);
      expect((await log.view('bob', 0)).head).toBeUndefined();
      expect(await log.append(claimed('key', 'one', event('alice', 1)))).toBe('repeated');
    });

    it('is claimed by an empty push too', async () => {
      const { log } = await open();
      expect(await log.append(claimed('key', 'none'))).toBe('stored');
      expect(await log.append(claimed('key', 'none'))).toBe('repeated');
      expect(await log.append(claimed('key', 'one', event('alice', 1)))).toBe('conflict');
    });

    it('stands for itself alone, and a push without one claims none', async () => {
      const { log } = await open();
      for (const key of KEYS) expect(await log.append(claimed(key, key, event('alice', 1)))).toBe('stored');
      for (const key of KEYS) expect(await log.append(claimed(key, key, event('alice', 1)))).toBe('repeated');
      expect(await log.append(push(event('alice', 1)))).toBe('stored');
      expect(await log.append(push(event('alice', 1)))).toBe('stored');
      expect(await held(log, 'alice')).toHaveLength(KEYS.length + 2);
    });

    it('is claimed once by repeats that come at the same time', async () => {
      const { log } = await open();
      const repeats = Array.from({ length: 12 }, () =>
        log.append(claimed('key', 'one', event('alice', 1), event('bob', 1))),
      );
      const results = (await Promise.all(repeats)).sort();
      expect(results).toEqual([...Array.from({ length: 11 }, () => 'repeated'), 'stored']);
      expect(await held(log, 'alice')).toHaveLength(1);
      expect(await held(log, 'bob')).toHaveLength(1);
    });

    it('goes to one of several that want it for different events at the same time', async () => {
      const { log } = await open();
      const rivals = Array.from({ length: 8 }, (_, i) =>
        log.append(claimed('key', `digest ${i}`, ...eventsOf('alice', i * 10, i * 10 + 1))),
      );
      const results = await Promise.all(rivals);
      const winner = results.indexOf('stored');
      expect(results.filter((result) => result === 'conflict')).toHaveLength(7);
      const created = (await held(log, 'alice')).map(({ createdAt }) => createdAt);
      expect(created).toEqual([winner * 10, winner * 10 + 1]);
    });

    timed('counts for its time on the store’s clock, a repeat not starting it anew', async () => {
      const clock = new ManualClock();
      const { log } = await open({ idempotencyTtlMs: 60_000 }, clock.read);
      await log.append(claimed('key', 'one', event('alice', 1)));
      clock.advance(59_999);
      expect(await log.append(claimed('key', 'one', event('alice', 1)))).toBe('repeated');
      expect(await log.append(claimed('key', 'two', event('alice', 2)))).toBe('conflict');
      clock.advance(2);
      expect(await log.append(claimed('key', 'two', event('alice', 2)))).toBe('stored');
      expect(await log.append(claimed('key', 'one', event('alice', 1)))).toBe('conflict');
      expect((await held(log, 'alice')).map(({ createdAt }) => createdAt)).toEqual([1, 2]);
    });

    timed('outlives the events that were pushed under it', async () => {
      const clock = new ManualClock();
      const { log } = await open({ idempotencyTtlMs: 60_000, bufferTtlMs: 1000 }, clock.read);
      await log.append(claimed('key', 'one', event('alice', 1)));
      clock.advance(30_000);
      expect(await log.append(claimed('key', 'one', event('alice', 1)))).toBe('repeated');
      expect(await held(log, 'alice')).toHaveLength(0);
    });
  });
}
