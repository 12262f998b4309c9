import { describe, expect, it } from '@jest/globals';
import type { EventLog } from '../../src/notifier/event-log.js';
import { formatPosition } from '../../src/notifier/position.js';
import { event, eventOf, held, newest, push, readAfter, verdict } from './events.js';
import { leftOut, ManualClock, type Suite } from './harness.js';

const HOUR_MS = 3_600_000;
const KIB = 1024;

/** What gives way when all users together have more than the store may hold. */
export function describeTotalBytes({ open, can }: Suite): void {
  const bounded = can.totalBytes && can.manualClock ? it : leftOut;

  describe('the bytes of all users together', () => {
    bounded('are bounded by letting go of the least recently pushed logs’ events first', async () => {
      const clock = new ManualClock();
      const { log } = await open({ totalBytes: 256 * KIB }, clock.read);
      const heldBy = async (user: string) => (await held(log, user)).length;
      for (const user of ['alice', 'bob', 'carol', 'dave']) {
        await pushFilling(log, user, 50);
        clock.advance(HOUR_MS);
      }
      // It is alice who has been pushed to the longest ago; another push makes it bob.
      await log.append(push(event('alice', 1)));
      await pushFilling(log, 'erin', 70);
      const counts = await Promise.all(['alice', 'bob', 'carol', 'dave', 'erin'].map(heldBy));
      expect(counts).toEqual([51, 0, 50, 50, 70]);
    });

    bounded('leave the heads of those logs: who has seen everything is told so', async () => {
      const clock = new ManualClock();
      const { log } = await open({ totalBytes: 256 * KIB }, clock.read);
      await pushFilling(log, 'alice', 80);
      const seen = await newest(log, 'alice');
      const first = { ...seen, seq: 1 };
      clock.advance(HOUR_MS);
      await pushFilling(log, 'bob', 110);
      clock.advance(HOUR_MS);
      await pushFilling(log, 'carol', 110);
      expect(await held(log, 'alice')).toHaveLength(0);
      const { head } = await log.view('alice', 0);
      expect(head).toMatchObject({ ...seen, trimmedSeq: seen.seq, trimmedTag: seen.tag, bytes: 0 });
      const lastEventId = formatPosition(seen);
      expect(await verdict(log, 'alice', { lastEventId })).toMatchObject({ recovered: true });
      expect(await readAfter(log, 'alice', first)).toBeUndefined();
      expect(await verdict(log, 'alice', { timestamp: 1 })).toMatchObject({ recovered: false });
    });

    bounded('make heads go, the oldest first, where there is nothing else', async () => {
      const clock = new ManualClock();
      const { log } = await open({ totalBytes: 64 * KIB }, clock.read);
      await log.append(push(event('alice', 100)));
      const seen = formatPosition(await newest(log, 'alice'));
      await fillWithUsers(log, clock, async () => (await log.view('alice', 0)).head === undefined);
      expect(await verdict(log, 'alice', { lastEventId: seen })).toMatchObject({ recovered: false });
      expect(await verdict(log, 'alice', { timestamp: 100 })).toMatchObject({ recovered: false });
      await log.append(push(event('alice', 1)));
      expect(await verdict(log, 'alice', { timestamp: 100 })).toMatchObject({ recovered: false });
      expect(await held(log, 'alice')).toHaveLength(1);
    });

    bounded('do not make go what was pushed just now, whatever its user is called', async () => {
      const { log } = await open({ totalBytes: 64 * KIB }, new ManualClock().read);
      for (let user = 0; user < 100; user++) await log.append(push(eventOf(KIB, `user ${user}`, 1)));
      await log.append(push(event('a', 1)));
      for (let user = 100; user < 120; user++) {
        await log.append(push(eventOf(KIB, `user ${user}`, 1)));
        expect(await held(log, 'a')).toHaveLength(1);
      }
    });

    bounded('are bounded too where users are only dropped', async () => {
      const clock = new ManualClock();
      const { log } = await open({ totalBytes: 64 * KIB }, clock.read);
      await log.drop('alice');
      const isForgotten = async () => (await log.view('alice', 0)).head === undefined;
      for (let hour = 0; hour < 100 && !(await isForgotten()); hour++) {
        clock.advance(HOUR_MS / 60);
        await Promise.all(Array.from({ length: 50 }, (_, i) => log.drop(`${hour}/${i}`)));
      }
      expect(await isForgotten()).toBe(true);
    });
  });
}

/** Pushes so many KiB of events of a KiB, with `created_at` from 1. */
async function pushFilling(log: EventLog, user: string, kib: number): Promise<void> {
  const events = Array.from({ length: kib }, (_, i) => eventOf(KIB, user, i + 1));
  await log.append(push(...events));
}

/** Pushes to ever new users until it is enough; the newest one always has its event. */
async function fillWithUsers(
  log: EventLog,
  clock: ManualClock,
  isEnough: () => Promise<boolean>,
): Promise<void> {
  for (let user = 0; user < 2000; user++) {
    clock.advance(HOUR_MS / 60);
    await log.append(push(event(`user ${user}`, 1)));
    expect(await held(log, `user ${user}`)).toHaveLength(1);
    if (await isEnough()) return;
  }
  throw new Error('2,000 users in 64 KiB made none of them forgotten');
}
