import { describe, expect, it } from '@jest/globals';
import { formatPosition } from '../../src/notifier/position.js';
import {
  BESIDE_ALICE,
  event,
  eventOf,
  eventsOf,
  held,
  idOf,
  newest,
  oldest,
  push,
  readAfter,
  verdict,
} from './events.js';
import { leftOut, Announcements, ManualClock, type Suite } from './harness.js';

/** What a user's log holds: so many events, so many bytes, for so long. */
export function describeBounds({ open, can }: Suite): void {
  const timed = can.manualClock ? it : leftOut;

  describe('a log', () => {
    it('holds the newest events of its number, pushed one by one or at once', async () => {
      const { log } = await open({ bufferEvents: 3 });
      for (let i = 1; i <= 5; i++) await log.append(push(event('alice', i)));
      expect((await held(log, 'alice')).map(({ seq }) => seq)).toEqual([3, 4, 5]);
      await log.append(push(...eventsOf('alice', 6, 7)));
      expect((await held(log, 'alice')).map(({ seq }) => seq)).toEqual([5, 6, 7]);
      await log.append(push(...eventsOf('alice', 8, 30)));
      expect((await held(log, 'alice')).map(({ createdAt }) => createdAt)).toEqual([28, 29, 30]);
    });

    it('holds the newest events of its bytes', async () => {
      const { log } = await open({ bufferBytes: 1000 });
      for (let i = 1; i <= 4; i++) await log.append(push(eventOf(300, 'alice', i)));
      expect((await held(log, 'alice')).map(({ seq }) => seq)).toEqual([2, 3, 4]);
      await log.append(push(eventOf(100, 'alice', 5)));
      expect((await held(log, 'alice')).map(({ seq }) => seq)).toEqual([2, 3, 4, 5]);
      await log.append(push(eventOf(101, 'alice', 6), eventOf(850, 'alice', 7)));
      expect((await held(log, 'alice')).map(({ seq }) => seq)).toEqual([6, 7]);
      expect((await log.view('alice', 0)).head!.bytes).toBe(951);
    });

    it('announces an event that is larger than it, and does not hold it', async () => {
      const harness = await open({ bufferBytes: 1000 });
      const announcements = await Announcements.of(harness, 'alice');
      await harness.log.append(push(eventOf(1001, 'alice', 1)));
      await announcements.ofEvents(1);
      expect(await held(harness.log, 'alice')).toEqual([]);
      const { head } = await harness.log.view('alice', 0);
      expect(head).toMatchObject({
        seq: 1,
        trimmedSeq: 1,
        trimmedTag: head!.tag,
        trimmedCreatedAt: 1,
        bytes: 0,
      });
    });

    it('bounds each user alone', async () => {
      const { log } = await open({ bufferEvents: 2 });
      await log.append(push(...eventsOf('alice', 1, 2), ...eventsOf('bob', 1, 2)));
      await log.append(push(event('bob', 3)));
      expect(await held(log, 'alice')).toHaveLength(2);
      expect((await log.view('alice', 0)).head!.trimmedSeq).toBe(0);
    });

    it('remembers which event was trimmed last, and the highest created_at of all trimmed', async () => {
      const { log } = await open({ bufferEvents: 2 });
      await log.append(push(event('alice', -7), event('alice', -30)));
      const [first, second] = await held(log, 'alice');
      await log.append(push(event('alice', -20)));
      const one = { trimmedSeq: 1, trimmedTag: first!.tag, trimmedCreatedAt: -7 };
      expect((await log.view('alice', 0)).head).toMatchObject(one);
      await log.append(push(event('alice', 100)));
      const two = { trimmedSeq: 2, trimmedTag: second!.tag, trimmedCreatedAt: -7 };
      expect((await log.view('alice', 0)).head).toMatchObject(two);
    });

    it('reads on from the newest trimmed event, and from none before it', async () => {
      const { log } = await open({ bufferEvents: 2 });
      const beginning = await newest(log, 'alice');
      await log.append(push(event('alice', 1)));
      await log.append(push(event('alice', 2)));
      const [first, second] = await held(log, 'alice');
      const { epoch } = await newest(log, 'alice');
      await log.append(push(...eventsOf('alice', 3, 4)));
      expect(await readAfter(log, 'alice', idOf(epoch, second!))).toEqual(await held(log, 'alice'));
      expect(await readAfter(log, 'alice', idOf(epoch, first!))).toBeUndefined();
      expect(await readAfter(log, 'alice', { epoch, seq: 0, tag: 0 })).toBeUndefined();
      expect(await readAfter(log, 'alice', beginning)).toBeUndefined();
    });

    it('tells a subscriber by timestamp when something of what it asks for is trimmed', async () => {
      const { log } = await open({ bufferEvents: 2 });
      await log.append(push(event('alice', 50), event('alice', 10), event('alice', 20)));
      expect(await verdict(log, 'alice', { timestamp: 51 })).toMatchObject({ recovered: true });
      expect(await verdict(log, 'alice', { timestamp: 50 })).toMatchObject({ recovered: false });
      expect(await verdict(log, 'alice', { timestamp: 15 })).toMatchObject({ recovered: false });
    });

    timed('holds an event for its time, and lets it go then for every reader at once', async () => {
      const clock = new ManualClock();
      const { log } = await open({ bufferTtlMs: 10_000 }, clock.read);
      await log.append(push(event('alice', 1)));
      const beginning = { ...(await newest(log, 'alice')), seq: 0, tag: 0 };
      clock.advance(4000);
      await log.append(push(event('alice', 2)));
      clock.advance(6000);
      expect(await held(log, 'alice')).toHaveLength(2);
      clock.advance(1);
      expect(await readAfter(log, 'alice', beginning)).toBeUndefined();
      expect(await held(log, 'alice')).toHaveLength(1);
      expect((await log.view('alice', 1)).tag).toBeUndefined();
      expect((await log.view('alice', 0)).head).toMatchObject({ trimmedSeq: 1, trimmedCreatedAt: 1 });
      expect(await log.extent('alice')).toMatchObject({ events: 1, trimmed: 1 });
      expect(await verdict(log, 'alice', { timestamp: 1 })).toMatchObject({ recovered: false });
      expect(await verdict(log, 'alice', { timestamp: 2 })).toMatchObject({ recovered: true });
    });

    timed('that is empty with age still knows who has seen everything', async () => {
      const clock = new ManualClock();
      const { log } = await open({ bufferTtlMs: 10_000 }, clock.read);
      await log.append(push(event('alice', 1)));
      const lastEventId = formatPosition(await newest(log, 'alice'));
      clock.advance(10_001);
      expect(await verdict(log, 'alice', { lastEventId })).toMatchObject({ recovered: true });
      expect(await log.extent('alice')).toMatchObject({ events: 0, bytes: 0, trimmed: 1 });
      await log.append(push(event('alice', 2)));
      expect(await verdict(log, 'alice', { lastEventId })).toMatchObject({ recovered: true });
      expect((await held(log, 'alice')).map(({ seq }) => seq)).toEqual([2]);
    });

    timed('never steps over an event that goes while it is being read', async () => {
      const clock = new ManualClock();
      const restless = () => {
        clock.advance(1);
        return clock.now;
      };
      const { log } = await open({ bufferTtlMs: 150 }, restless);
      for (const [i, user] of ['alice', 'bob', 'carol', 'dave', 'erin', 'frank'].entries()) {
        for (let createdAt = 1; createdAt <= 20; createdAt++) {
          await log.append(push(event(user, createdAt)));
          clock.advance(i);
        }
        for (let turn = 0; turn < 100; turn++) {
          const position = await oldest(log, user);
          const page = await log.read(user, position, 200, undefined);
          if (page) expect(page.events.map(({ seq }) => seq)).toEqual(numbers(position.seq, page.end.seq));
        }
        expect(await held(log, user)).toEqual([]);
      }
    });

    timed('does not let its time go back with the system’s clock', async () => {
      const clock = new ManualClock();
      const { log } = await open({ bufferTtlMs: 10_000 }, clock.read);
      await log.append(push(event('alice', 1)));
      clock.advance(-3_600_000);
      await log.append(push(event(BESIDE_ALICE, 2)));
      clock.advance(10_000);
      expect(await held(log, 'alice')).toHaveLength(1);
      expect(await held(log, BESIDE_ALICE)).toHaveLength(1);
      clock.advance(3_600_000 + 1);
      expect(await held(log, 'alice')).toHaveLength(0);
      expect(await held(log, BESIDE_ALICE)).toHaveLength(0);
    });
  });
}

/** The numbers after one up to another. */
function numbers(after: number, last: number): number[] {
  return Array.from({ length: last - after }, (_, i) => after + 1 + i);
}
