import { describe, expect, it } from '@jest/globals';
import { StoreUnavailableError, type EventLog } from '../../src/notifier/event-log.js';
import { formatPosition } from '../../src/notifier/position.js';
import {
  BESIDE_ALICE,
  claimed,
  event,
  eventsOf,
  held,
  idOf,
  newest,
  push,
  readAfter,
  verdict,
} from './events.js';
import { leftOut, Announcements, ManualClock, type EventLogHarness, type Suite } from './harness.js';

const HOUR_MS = 3_600_000;

/** Closing, and what is there when the store is opened again. */
export function describeRestart({ open, can }: Suite): void {
  const timed = can.manualClock ? it : leftOut;

  describe('a closed log', () => {
    it('takes nothing more, and says so', async () => {
      const { log } = await open();
      expect(log.isReady()).toBe(true);
      await log.append(push(event('alice', 1)));
      await log.close();
      expect(log.isReady()).toBe(false);
      await expect(log.append(push(event('alice', 2)))).rejects.toThrow(StoreUnavailableError);
      await expect(log.append(claimed('key', 'one', event('alice', 2)))).rejects.toThrow(
        StoreUnavailableError,
      );
      await expect(log.drop('alice')).rejects.toThrow(StoreUnavailableError);
    });

    it('has kept every push that it took, and none that it refused', async () => {
      const harness = await open();
      const appends = eventsOf('alice', 1, 30).map((one) => harness.log.append(push(one)));
      const closed = harness.log.close();
      const late = harness.log.append(push(event('alice', 31)));
      const results = await Promise.allSettled([...appends, late]);
      await closed;
      const kept = results.flatMap(({ status }, i) => (status === 'fulfilled' ? [i + 1] : []));
      const log = await reopened(harness);
      if (log) expect((await held(log, 'alice')).map(({ createdAt }) => createdAt)).toEqual(kept);
    });

    it('can be closed again', async () => {
      const { log } = await open();
      await log.close();
      await log.close();
    });
  });

  describe('a log that is opened again', () => {
    it('has its events, ids, heads, drops and claims', async () => {
      const harness = await open({ bufferEvents: 3 });
      await harness.log.append(push(...eventsOf('alice', 1, 5), event('bob', 1)));
      await harness.log.append(claimed('key', 'one', event('alice', 6)));
      await harness.log.drop('alice');
      const users = ['alice', 'bob', 'carol'];
      const before = await Promise.all(users.map((user) => everythingOf(harness.log, user)));
      const log = await reopened(harness);
      if (!log) return;
      expect(await Promise.all(users.map((user) => everythingOf(log, user)))).toEqual(before);
      expect(await log.append(claimed('key', 'one', event('alice', 6)))).toBe('repeated');
      expect(await log.append(claimed('key', 'two', event('alice', 6)))).toBe('conflict');
      expect(await log.drop('alice')).toBe(2);
    });

    it('goes on where it was: positions stay, numbers go on, no id comes twice', async () => {
      const harness = await open();
      const place = await newest(harness.log, 'bob');
      await harness.log.append(push(event('alice', 1)));
      const [first] = await held(harness.log, 'alice');
      const { epoch } = await newest(harness.log, 'alice');
      const log = await reopened(harness);
      if (!log) return;
      const announcements = await Announcements.of({ ...harness, log }, 'alice', 'bob');
      await log.append(push(event('alice', 2), event('bob', 2)));
      expect(await readAfter(log, 'alice', idOf(epoch, first!))).toMatchObject([{ seq: 2, createdAt: 2 }]);
      expect(await readAfter(log, 'bob', place)).toHaveLength(1);
      const lastEventId = formatPosition(place);
      expect(await verdict(log, 'bob', { lastEventId })).toMatchObject({ recovered: true });
      await announcements.ofEvents(2);
      expect(announcements.for('alice')).toMatchObject([{ epoch, previousSeq: 1, previousTag: first!.tag }]);
    });

    timed('lets go of what grew too old meanwhile', async () => {
      const clock = new ManualClock();
      const harness = await open({ bufferTtlMs: HOUR_MS, headTtlMs: 5 * HOUR_MS }, clock.read);
      await harness.log.append(push(event('alice', 9)));
      clock.advance(1800_000);
      await harness.log.append(push(event('alice', 8)));
      clock.advance(1800_001);
      let log = await reopened(harness);
      if (!log) return;
      expect((await log.view('alice', 0)).head).toMatchObject({ trimmedSeq: 1, trimmedCreatedAt: 9 });
      expect(await held(log, 'alice')).toHaveLength(1);
      clock.advance(9 * HOUR_MS);
      log = (await reopened(harness))!;
      const { head, store } = await log.view('alice', 0);
      expect(head).toBeUndefined();
      expect(store).toMatchObject({ forgottenCreatedAt: 9 });
      expect(await verdict(log, 'alice', { timestamp: 9 })).toMatchObject({ recovered: false });
      clock.advance(HOUR_MS);
      log = (await reopened(harness))!;
      expect((await log.view('alice', 0)).store).toEqual(store);
    });

    timed('does not let its time go back', async () => {
      const clock = new ManualClock();
      const harness = await open({ bufferTtlMs: 10_000, idempotencyTtlMs: 10_000 }, clock.read);
      await harness.log.append(claimed('key', 'one', event('alice', 1)));
      clock.advance(-HOUR_MS);
      const log = await reopened(harness);
      if (!log) return;
      await log.append(push(event(BESIDE_ALICE, 2)));
      clock.advance(10_000);
      expect(await held(log, 'alice')).toHaveLength(1);
      expect(await held(log, BESIDE_ALICE)).toHaveLength(1);
      clock.advance(HOUR_MS + 1);
      expect(await held(log, 'alice')).toHaveLength(0);
      expect(await held(log, BESIDE_ALICE)).toHaveLength(0);
      expect(await log.append(claimed('key', 'two', event('alice', 3)))).toBe('stored');
    });
  });

  describe('an id', () => {
    timed('names one event for ever, whatever the log goes through', async () => {
      const clock = new ManualClock();
      const harness = await open({ bufferEvents: 3, bufferTtlMs: HOUR_MS, headTtlMs: HOUR_MS }, clock.read);
      let { log } = harness;
      const announcements = await Announcements.of(harness, 'alice');
      let pushed = 0;
      for (let round = 0; round < 12; round++) {
        await log.append(push(...eventsOf('alice', 1, 1 + (round % 4))));
        await log.append(push(event('alice', 1)));
        clock.advance(((round % 3) + 1) * HOUR_MS);
        if (round % 2 > 0) log = (await reopened(harness)) ?? log;
        announcements.listenTo(log);
        pushed += 2 + (round % 4);
        await announcements.ofEvents(pushed);
      }
      const ids = announcements.all.flatMap(({ epoch, events }) =>
        events.map((one) => formatPosition(idOf(epoch, one))),
      );
      expect(new Set(ids).size).toBe(ids.length);
    });
  });
}

/** The log opened again; `undefined` where the store keeps nothing. */
async function reopened(harness: EventLogHarness): Promise<EventLog | undefined> {
  return harness.reopen?.();
}

async function everythingOf(log: EventLog, user: string) {
  return { view: await log.view(user, 4), events: await held(log, user), extent: await log.extent(user) };
}
