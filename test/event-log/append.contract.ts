import { describe, expect, it } from '@jest/globals';
import type { Page } from '../../src/notifier/event-log.js';
import { EVERYTHING, bare, claimed, event, eventsOf, held, newest, push, textsOf } from './events.js';
import { Announcements, type Suite } from './harness.js';
import { onAppended } from '../support/on-appended.js';

/** Order and atomicity. */
export function describeAppend({ open }: Suite): void {
  describe('append', () => {
    it('keeps the events of a push in their order, and pushes in theirs', async () => {
      const { log } = await open();
      const first = [event('alice', 30), event('alice', 10), event('alice', 20)];
      const second = [event('alice', 5), event('alice', 5, '1')];
      expect(await log.append(push(...first))).toBe('stored');
      expect(await log.append(push(...second))).toBe('stored');
      const events = await held(log, 'alice');
      expect(textsOf(events)).toEqual(textsOf([...first, ...second]));
      expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
      expect(events.map(({ createdAt }) => createdAt)).toEqual([30, 10, 20, 5, 5]);
    });

    it('gives each user of a push its own events, in the order of the push', async () => {
      const { log } = await open();
      await log.append(push(event('alice', 1), event('bob', 2), event('alice', 3), event('bob', 4)));
      expect((await held(log, 'alice')).map(({ createdAt }) => createdAt)).toEqual([1, 3]);
      expect((await held(log, 'bob')).map(({ createdAt }) => createdAt)).toEqual([2, 4]);
      expect((await log.view('carol', 0)).head).toBeUndefined();
    });

    it('keeps pushes that come one after another, without waiting, in their order', async () => {
      const { log } = await open();
      const pushes = Array.from({ length: 40 }, (_, i) => push(...eventsOf('alice', i * 3, i * 3 + 2)));
      await Promise.all(pushes.map((one) => log.append(one)));
      const created = (await held(log, 'alice')).map(({ createdAt }) => createdAt);
      expect(created).toEqual(Array.from({ length: 120 }, (_, i) => i));
    });

    it('takes extremes of created_at as they are', async () => {
      const { log } = await open();
      const extremes = [Number.MAX_SAFE_INTEGER, 0, Number.MIN_SAFE_INTEGER, -1];
      await log.append(push(...extremes.map((createdAt) => event('alice', createdAt))));
      expect((await held(log, 'alice')).map(({ createdAt }) => createdAt)).toEqual(extremes);
    });

    it('takes an empty push, which stores nothing', async () => {
      const { log } = await open();
      expect(await log.append(push())).toBe('stored');
      expect((await log.view('alice', 0)).head).toBeUndefined();
    });

    it('shows a reader whole pushes only', async () => {
      const { log } = await open();
      const start = await newest(log, 'alice');
      const pages: Promise<Page | undefined>[] = [];
      const appends = [];
      for (let i = 0; i < 30; i++) {
        appends.push(
          log.append(push(event('alice', i), event('bob', i), event('alice', i), event('alice', i))),
        );
        pages.push(log.read('alice', start, EVERYTHING, undefined));
        if (i % 5 === 0) await appends.at(-1);
      }
      await Promise.all(appends);
      for (const page of await Promise.all(pages)) expect(page!.events.length % 3).toBe(0);
      expect(await held(log, 'alice')).toHaveLength(90);
    });
  });

  describe('an announcement', () => {
    it('comes once for each user and push, with that push’s events of the user', async () => {
      const harness = await open();
      const announcements = await Announcements.of(harness, 'alice', 'bob');
      const alices = [event('alice', 1), event('alice', 3)];
      await harness.log.append(push(alices[0]!, event('bob', 2), alices[1]!));
      await announcements.ofEvents(3);
      expect(announcements.for('alice').map(({ events }) => textsOf(events))).toEqual([textsOf(alices)]);
      expect(announcements.for('bob')).toHaveLength(1);
      expect(bare(announcements.for('alice')[0]!.events)).toEqual(await held(harness.log, 'alice'));
    });

    it('names the event before its first: each follows on the one before', async () => {
      const harness = await open();
      const announcements = await Announcements.of(harness, 'alice', 'bob');
      const pushes = Array.from({ length: 30 }, (_, i) =>
        push(event('alice', i), event('bob', i), event('alice', i)),
      );
      await Promise.all(pushes.map((one) => harness.log.append(one)));
      await announcements.ofEvents(90);
      for (const user of ['alice', 'bob']) {
        let previous = { seq: 0, tag: 0 };
        for (const { previousSeq, previousTag, events } of announcements.for(user)) {
          expect({ seq: previousSeq, tag: previousTag }).toEqual(previous);
          expect(events[0]!.seq).toBe(previousSeq + 1);
          previous = { seq: events.at(-1)!.seq, tag: events.at(-1)!.tag };
        }
        const announced = announcements.for(user).flatMap(({ events }) => events);
        expect(bare(announced)).toEqual(await held(harness.log, user));
      }
    });

    it('comes after the commit: who reads at once finds its events', async () => {
      const harness = await open();
      const announcements = await Announcements.of(harness, 'alice');
      const reads: Promise<Page | undefined>[] = [];
      harness.log.listen(
        onAppended((news) => {
          for (const { accessId, epoch, previousSeq, previousTag } of news) {
            const before = { epoch, seq: previousSeq, tag: previousTag };
            reads.push(harness.log.read(accessId, before, EVERYTHING, undefined));
          }
          announcements.hear(news);
        }),
      );
      await Promise.all(Array.from({ length: 20 }, (_, i) => harness.log.append(push(event('alice', i)))));
      await announcements.ofEvents(20);
      const pages = await Promise.all(reads);
      for (const [i, { events }] of announcements.all.entries()) {
        expect(bare(pages[i]!.events.slice(0, events.length))).toEqual(bare(events));
      }
    });

    it('does not come for a repeat, a conflict, a drop or an empty push', async () => {
      const harness = await open();
      const announcements = await Announcements.of(harness, 'alice');
      await harness.log.append(claimed('key', 'one', event('alice', 1)));
      await harness.log.append(claimed('key', 'one', event('alice', 1)));
      await harness.log.append(claimed('key', 'two', event('alice', 2)));
      await harness.log.append(push());
      await harness.log.drop('alice');
      await harness.log.append(push(event('alice', 3)));
      await announcements.ofEvents(2);
      const created = announcements.all.map(({ events }) => events.map(({ createdAt }) => createdAt));
      expect(created).toEqual([[1], [3]]);
    });
  });
}
