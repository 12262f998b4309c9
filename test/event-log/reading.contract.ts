import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { Position } from '../../src/notifier/position.js';
import { EVERYTHING, bare, event, eventOf, eventsOf, held, idOf, newest, push } from './events.js';
import { readAfter, textsOf, verdict } from './events.js';
import type { Suite } from './harness.js';

/** `view`, `read` and `extent`. */
export function describeReading({ open }: Suite): void {
  describe('view', () => {
    it('knows nothing of a user that nobody pushed to or dropped, and of the store from the start', async () => {
      const { log } = await open();
      const { head, store, tag, trusted } = await log.view('alice', 1);
      expect({ head, tag, trusted }).toEqual({ head: undefined, tag: undefined, trusted: true });
      expect(store).toMatchObject({ forgottenSerial: 0, forgottenCreatedAt: -Infinity, tailLost: false });
    });

    it('names the newest event, what the texts weigh, and the tag of the event asked for', async () => {
      const { log } = await open();
      await log.append(push(event('alice', 10), event('alice', 20)));
      await log.append(push(event('alice', 5)));
      const events = await held(log, 'alice');
      const { head, tag } = await log.view('alice', 2);
      const bytes = textsOf(events).join('').length;
      expect(head).toMatchObject({
        seq: 3,
        tag: events[2]!.tag,
        trimmedSeq: 0,
        trimmedTag: 0,
        drops: 0,
        bytes,
      });
      expect(head!.trimmedCreatedAt).toBe(-Infinity);
      expect(tag).toBe(events[1]!.tag);
      expect((await log.view('alice', 4)).tag).toBeUndefined();
      expect((await log.view('alice', 0)).tag).toBeUndefined();
    });

    it('counts the store’s serial number up with each append and drop, and keeps its epoch', async () => {
      const { log } = await open();
      const before = (await log.view('alice', 0)).store;
      await log.append(push(event('alice', 1)));
      const between = (await log.view('alice', 0)).store;
      await log.drop('alice');
      const { store: after, head } = await log.view('alice', 0);
      expect(between.serial).toBeGreaterThan(before.serial);
      expect(after.serial).toBeGreaterThan(between.serial);
      expect(head!.born).toBeGreaterThan(before.serial);
      expect(head!.born).toBeLessThanOrEqual(between.serial);
      expect(after.epoch).toBe(before.epoch);
      expect(head!.epoch).not.toBe(after.epoch);
    });
  });

  describe('read', () => {
    it('gives the events after a position, and none of another user’s', async () => {
      const { log } = await open();
      await log.append(push(...eventsOf('alice', 1, 5), ...eventsOf('bob', 6, 9)));
      const all = await held(log, 'alice');
      const { head } = await log.view('alice', 0);
      for (const [i, one] of all.entries()) {
        expect(await readAfter(log, 'alice', idOf(head!.epoch, one))).toEqual(all.slice(i + 1));
        expect(await log.read('bob', idOf(head!.epoch, one), EVERYTHING, undefined)).toBeUndefined();
      }
    });

    it('gives an empty page at the head', async () => {
      const { log } = await open();
      await log.append(push(event('alice', 1)));
      const head = await newest(log, 'alice');
      const page = await log.read('alice', head, EVERYTHING, undefined);
      expect(page).toMatchObject({ events: [], start: head, end: head, reachedHead: true });
    });

    it('gives an empty page of the log of a user that nobody knows', async () => {
      const { log } = await open();
      const place = await newest(log, 'alice');
      const page = await log.read('alice', place, EVERYTHING, undefined);
      expect(page).toMatchObject({ events: [], start: place, end: place, reachedHead: true });
    });

    it('knows no position that it never gave', async () => {
      const { log } = await open();
      await log.append(push(...eventsOf('alice', 1, 3)));
      const { epoch, seq, tag } = await newest(log, 'alice');
      const { store } = await log.view('alice', 0);
      const foreign: Position[] = [
        { epoch, seq, tag: (tag + 1) % 2 ** 32 },
        { epoch, seq: seq - 1, tag: (tag + 1) % 2 ** 32 },
        { epoch, seq: seq + 1, tag },
        { epoch, seq: Number.MAX_SAFE_INTEGER, tag },
        { epoch, seq: 0, tag: 1 },
        { epoch: 'AAAAAAAA', seq: 0, tag: 0 },
        { epoch: store.epoch, seq: store.serial + 1, tag: 0 },
        { epoch: store.epoch, seq: 0, tag: 1 },
      ];
      for (const position of foreign) {
        expect(await log.read('alice', position, EVERYTHING, undefined)).toBeUndefined();
      }
    });

    it('fills a page up to its bytes, and gives one event however large', async () => {
      const { log } = await open();
      const start = await newest(log, 'alice');
      const sizes = [100, 3000, 100, 100, 100, 2000, 100];
      await log.append(push(...sizes.map((bytes, i) => eventOf(bytes, 'alice', i))));
      const all = await held(log, 'alice');
      for (const maxBytes of [1, 100, 250, 1000, 2500, 100_000]) {
        expect(await readAfter(log, 'alice', start, { maxBytes })).toEqual(all);
      }
      const first = await log.read('alice', start, 1, undefined);
      expect(bare(first!.events)).toEqual(all.slice(0, 1));
      expect(first!.reachedHead).toBe(false);
    });

    it('skips what is older than asked for, up to the number given, whatever the page’s size', async () => {
      const { log } = await open();
      const start = await newest(log, 'alice');
      const created = [5, 1, 9, 3, 7, 2, 8, 4, 6, 0];
      await log.append(push(...created.map((createdAt) => event('alice', createdAt))));
      const all = await held(log, 'alice');
      const requests = fc.record({
        createdAt: fc.integer({ min: -1, max: 11 }),
        until: fc.integer({ min: 0, max: 12 }),
      });
      const holds = fc.asyncProperty(requests, fc.integer({ min: 1, max: 700 }), async (since, maxBytes) => {
        const wanted = all.filter(({ createdAt, seq }) => createdAt >= since.createdAt || seq > since.until);
        expect(await readAfter(log, 'alice', start, { since, maxBytes })).toEqual(wanted);
      });
      await fc.assert(holds, { numRuns: 40 });
    });

    it('begins a page that skips just before its first event', async () => {
      const { log } = await open();
      await log.append(push(event('alice', 1), event('alice', 2), event('alice', 30), event('alice', 3)));
      const [, second, third, fourth] = await held(log, 'alice');
      const { epoch } = await newest(log, 'alice');
      const start = { epoch, seq: 0, tag: 0 };
      const page = await log.read('alice', start, EVERYTHING, { createdAt: 10, until: 4 });
      expect(bare(page!.events)).toEqual([third]);
      expect(page!.start).toEqual(idOf(epoch, second!));
      expect(page!.end).toEqual(idOf(epoch, fourth!));
      const empty = await log.read('alice', start, EVERYTHING, { createdAt: 100, until: 4 });
      const end = idOf(epoch, fourth!);
      expect(empty).toMatchObject({ events: [], start: end, end, reachedHead: true });
    });

    it('counts a place before the log’s first event, taken before there was a log, as its beginning', async () => {
      const { log } = await open();
      const place = await newest(log, 'alice');
      await log.append(push(event('bob', 1)));
      const later = await newest(log, 'alice');
      await log.append(push(event('alice', 2)));
      await log.append(push(event('alice', 1)));
      for (const position of [place, later]) {
        expect(textsOf((await readAfter(log, 'alice', position))!)).toEqual(
          textsOf([event('alice', 2), event('alice', 1)]),
        );
      }
      expect(await verdict(log, 'alice', { timestamp: 0 })).toMatchObject({ recovered: true });
    });

    it('refuses a place without a log that was taken after the log began', async () => {
      const { log } = await open();
      await log.append(push(event('alice', 1)));
      const bobs = await newest(log, 'bob');
      expect(await log.read('alice', bobs, EVERYTHING, undefined)).toBeUndefined();
    });
  });

  describe('extent', () => {
    it('is nothing for a user that nobody knows', async () => {
      const { log } = await open();
      const nothing = { events: 0, bytes: 0, oldest: undefined, newest: undefined, trimmed: 0, drops: 0 };
      expect(await log.extent('alice')).toEqual(nothing);
    });

    it('counts what is held, what is trimmed and the drops', async () => {
      const { log } = await open({ bufferEvents: 3 });
      await log.append(push(...eventsOf('alice', 1, 5)));
      await log.drop('alice');
      const events = await held(log, 'alice');
      const { epoch } = await newest(log, 'alice');
      expect(await log.extent('alice')).toEqual({
        events: 3,
        bytes: textsOf(events).join('').length,
        oldest: idOf(epoch, events[0]!),
        newest: idOf(epoch, events[2]!),
        trimmed: 2,
        drops: 1,
      });
    });
  });
}
