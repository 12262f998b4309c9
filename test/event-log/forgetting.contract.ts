import { describe, expect, it } from '@jest/globals';
import { formatPosition } from '../../src/notifier/position.js';
import { EVERYTHING, event, eventsOf, held, newest, push, readAfter, verdict } from './events.js';
import { leftOut, ManualClock, type Suite } from './harness.js';

const HOUR_MS = 3_600_000;
const TTL = { bufferTtlMs: 2 * HOUR_MS, headTtlMs: 10 * HOUR_MS };
const LIFETIME_MS = TTL.bufferTtlMs + TTL.headTtlMs;

/** What outlives a log's events, for how long, and what is known after that. */
export function describeForgetting(suite: Suite): void {
  describeDrops(suite);
  describeHeads(suite);
}

function describeDrops({ open }: Suite): void {
  describe('drop', () => {
    it('counts the drops of each user, and leaves the events alone', async () => {
      const { log } = await open();
      await log.append(push(...eventsOf('alice', 1, 3)));
      const before = await held(log, 'alice');
      expect(await log.drop('alice')).toBe(1);
      expect(await log.drop('alice')).toBe(2);
      expect(await log.drop('bob')).toBe(1);
      expect((await log.view('alice', 0)).head!.drops).toBe(2);
      expect((await log.extent('alice')).drops).toBe(2);
      expect(await held(log, 'alice')).toEqual(before);
    });

    it('counts drops that come at the same time one by one', async () => {
      const { log } = await open();
      const drops = await Promise.all(Array.from({ length: 10 }, () => log.drop('alice')));
      expect(drops.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    });

    it('begins a log where there is none, in which the first event is number one', async () => {
      const { log } = await open();
      const place = await newest(log, 'alice');
      await log.drop('alice');
      const { head } = await log.view('alice', 0);
      expect(head).toMatchObject({ seq: 0, tag: 0, trimmedSeq: 0, drops: 1, bytes: 0 });
      expect(await log.extent('alice')).toMatchObject({ events: 0, oldest: undefined, newest: undefined });
      const between = await newest(log, 'alice');
      await log.append(push(event('alice', 1)));
      expect((await log.view('alice', 0)).head).toMatchObject({ epoch: head!.epoch, seq: 1, drops: 1 });
      for (const position of [place, between]) {
        expect(await readAfter(log, 'alice', position)).toHaveLength(1);
        const request = { lastEventId: formatPosition(position) };
        expect(await verdict(log, 'alice', request)).toMatchObject({ recovered: true, drops: 1 });
      }
    });
  });
}

function describeHeads({ open, can }: Suite): void {
  const timed = can.manualClock ? it : leftOut;

  describe('a head', () => {
    timed('is remembered for its time after the last event is gone', async () => {
      const clock = new ManualClock();
      const { log } = await open(TTL, clock.read);
      await log.append(push(event('alice', 100), event('alice', 7)));
      await log.drop('alice');
      const { head } = await log.view('alice', 0);
      clock.advance(LIFETIME_MS);
      const late = (await log.view('alice', 0)).head;
      const gone = { trimmedSeq: 2, trimmedTag: head!.tag, trimmedCreatedAt: 100, bytes: 0 };
      expect(late).toEqual({ ...head, ...gone });
      const lastEventId = formatPosition({ epoch: head!.epoch, seq: 2, tag: head!.tag });
      expect(await verdict(log, 'alice', { lastEventId })).toMatchObject({ recovered: true, drops: 1 });
    });

    timed('of a user that was only dropped is remembered for its time', async () => {
      const clock = new ManualClock();
      const { log } = await open(TTL, clock.read);
      await log.drop('alice');
      clock.advance(TTL.headTtlMs);
      expect((await log.view('alice', 0)).head).toMatchObject({ drops: 1 });
    });

    timed('is given its time anew by each push and drop', async () => {
      const clock = new ManualClock();
      const { log } = await open(TTL, clock.read);
      await log.append(push(event('alice', 1)));
      const { head } = await log.view('alice', 0);
      clock.advance(LIFETIME_MS - 1);
      await log.append(push(event('alice', 2)));
      clock.advance(LIFETIME_MS - 1);
      expect((await log.view('alice', 0)).head).toMatchObject({ epoch: head!.epoch, seq: 2 });
      await log.drop('alice');
      clock.advance(TTL.headTtlMs);
      expect((await log.view('alice', 0)).head).toMatchObject({ epoch: head!.epoch, seq: 2, drops: 1 });
    });

    timed(
      'is forgotten after that, at most an hour later, and the store remembers what it stood for',
      async () => {
        const clock = new ManualClock();
        const { log } = await open(TTL, clock.read);
        const place = await newest(log, 'alice');
        await log.append(push(event('alice', 100)));
        await log.append(push(event('alice', 7)));
        const lastEventId = formatPosition(await newest(log, 'alice'));
        const { serial } = (await log.view('alice', 0)).store;
        clock.advance(LIFETIME_MS + HOUR_MS + 1);
        const { head, store } = await log.view('alice', 0);
        expect(head).toBeUndefined();
        expect(store.forgottenCreatedAt).toBe(100);
        expect(store.forgottenSerial).toBe(serial);
        expect(await verdict(log, 'alice', { lastEventId })).toMatchObject({ recovered: false });
        expect(await log.read('alice', place, EVERYTHING, undefined)).toBeUndefined();
        expect(await verdict(log, 'alice', { timestamp: 100 })).toMatchObject({ recovered: false });
        expect(await verdict(log, 'alice', { timestamp: 101 })).toMatchObject({ recovered: true });
        const nothing = { events: 0, bytes: 0, oldest: undefined, newest: undefined, trimmed: 0, drops: 0 };
        expect(await log.extent('alice')).toEqual(nothing);
      },
    );

    timed('that was forgotten has a successor of another epoch, which takes over what is gone', async () => {
      const clock = new ManualClock();
      const { log } = await open(TTL, clock.read);
      const place = await newest(log, 'alice');
      await log.append(push(event('alice', 100)));
      const old = await newest(log, 'alice');
      clock.advance(LIFETIME_MS + HOUR_MS + 1);
      const between = await newest(log, 'alice');
      await log.append(push(event('alice', 1)));
      const { head } = await log.view('alice', 0);
      expect(head).toMatchObject({ seq: 1, trimmedSeq: 0, trimmedCreatedAt: 100, drops: 0 });
      expect(head!.epoch).not.toBe(old.epoch);
      for (const gone of [place, old]) {
        const request = { lastEventId: formatPosition(gone) };
        expect(await verdict(log, 'alice', request)).toMatchObject({ recovered: false });
        expect(await readAfter(log, 'alice', gone)).toBeUndefined();
      }
      expect(await readAfter(log, 'alice', between)).toHaveLength(1);
      expect(await verdict(log, 'alice', { timestamp: 100 })).toMatchObject({ recovered: false });
      expect(await verdict(log, 'alice', { timestamp: 101 })).toMatchObject({ recovered: true });
    });

    timed('is not revived by a look at it', async () => {
      const clock = new ManualClock();
      const { log } = await open(TTL, clock.read);
      await log.append(push(event('alice', 1)));
      for (let hour = 0; hour < 14; hour++) {
        clock.advance(HOUR_MS);
        await log.extent('alice');
        await log.view('alice', 1);
      }
      expect((await log.view('alice', 0)).head).toBeUndefined();
    });

    timed('of one user is forgotten while another’s lives on', async () => {
      const clock = new ManualClock();
      const { log } = await open(TTL, clock.read);
      await log.append(push(event('alice', 1), event('bob', 1)));
      clock.advance(6 * HOUR_MS);
      await log.append(push(event('bob', 2)));
      const bobs = formatPosition(await newest(log, 'bob'));
      clock.advance(LIFETIME_MS + HOUR_MS + 1 - 6 * HOUR_MS);
      expect((await log.view('alice', 0)).head).toBeUndefined();
      expect((await log.view('bob', 0)).head).toMatchObject({ seq: 2, trimmedSeq: 2 });
      expect(await verdict(log, 'bob', { lastEventId: bobs })).toMatchObject({ recovered: true });
    });
  });
}
