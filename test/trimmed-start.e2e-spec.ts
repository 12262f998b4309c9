import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { event, pushed } from './support/http.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { STORES, TestStore } from './support/test-store.js';
import { WrappedLog, type Point } from './support/wrapped-log.js';

const USER = 'client1';
const HELD = 5;

describe.each(STORES)('while a full log in the %s store goes on being pushed to', (name) => {
  let store: TestStore;
  let log: WrappedLog;
  let running: RunningApp;
  let pushes: number;

  beforeEach(async () => {
    store = new TestStore(name);
    log = new WrappedLog(store.open({ bufferEvents: HELD }));
    running = await startApp({}, [log.provider]);
    pushes = 0;
    for (let i = 0; i < HELD + 1; i++) await pushNext();
  });

  afterEach(async () => {
    await running.close();
    store.remove();
  });

  async function pushNext(): Promise<void> {
    await pushed(running.url, [event(USER, 1, ++pushes)]);
  }

  /** Whenever a start comes to `point`, up to so many times, one more event is stored there, and the oldest is trimmed. */
  function trimAt(point: Point, times: number): void {
    log.at = async (reached) => {
      if (reached === point && times-- > 0) await pushNext();
    };
  }

  /** All events up to the newest, without a hole: how many there are depends on what was trimmed before the first. */
  async function expectAllFromOldest(client: SocketClient): Promise<void> {
    const hasEnded = () => client.closeCode !== undefined;
    await client.until(() => client.payloads().includes(HELD + 1) || hasEnded());
    await pushNext();
    await client.until(() => client.payloads().includes(pushes) || hasEnded());
    expect(client.closeCode).toBeUndefined();
    const payloads = client.payloads() as number[];
    expect(payloads).toEqual(payloads.map((_, i) => payloads[0]! + i));
    expect(payloads.length).toBeGreaterThanOrEqual(HELD);
  }

  async function oldestPosition(): Promise<string> {
    const client = await SocketClient.subscribe(running.url, {
      access_id: USER,
      last_event_id: null,
      timestamp: 0,
    });
    await client.until(({ hasReachedHead }) => hasReachedHead);
    await client.close();
    return client.subscribed()!.last_event_id;
  }

  describe.each<[Point, number]>([
    ['viewed', 1],
    ['viewed', 3],
    ['read', 1],
    ['wasRead', 1],
  ])('and is trimmed where it is %s (%d times)', (point, times) => {
    test('a plain start gets all that is held, and stays', async () => {
      trimAt(point, times);
      const client = await SocketClient.subscribe(running.url, { access_id: USER, timestamp: 0 });
      await expectAllFromOldest(client);
      await client.close();
    });

    test('a start by timestamp is told once where it begins, and stays', async () => {
      trimAt(point, times);
      const first = { access_id: USER, last_event_id: null, timestamp: 0 };
      const client = await SocketClient.subscribe(running.url, first);
      await expectAllFromOldest(client);
      expect(client.texts.filter((text) => text.startsWith('{"subscribed"'))).toHaveLength(1);
      expect(client.subscribed()!.recovered).toBe(false);
      const [firstId] = client.ids();
      expect(numberOf(client.subscribed()!.last_event_id)).toBe(numberOf(firstId!) - 1);
      await client.close();
    });

    test('a start after the newest trimmed event is told the truth about that, and stays', async () => {
      const position = await oldestPosition();
      trimAt(point, times);
      const client = await SocketClient.subscribe(running.url, { access_id: USER, last_event_id: position });
      await expectAllFromOldest(client);
      const told = client.subscribed()!;
      const [firstId] = client.ids();
      expect(client.texts.filter((text) => text.startsWith('{"subscribed"'))).toHaveLength(1);
      expect(numberOf(told.last_event_id)).toBe(numberOf(firstId!) - 1);
      expect(told.recovered).toBe(told.last_event_id === position);
      expect(told.recovered).toBe(point === 'wasRead');
      await client.close();
    });
  });
});

/** The number of an event, by its id. */
function numberOf(id: string): number {
  return Number(id.split('.')[1]);
}
