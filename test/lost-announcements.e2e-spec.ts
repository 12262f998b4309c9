import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { event, pushed } from './support/http.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { STORES, TestStore } from './support/test-store.js';
import { WrappedLog } from './support/wrapped-log.js';

const USER = 'client1';
const RESUMABLE = { access_id: USER, last_event_id: null };

describe.each(STORES)('a lost announcement with the %s store', (name) => {
  let store: TestStore;
  let running: RunningApp;
  let log: WrappedLog;

  beforeEach(async () => {
    store = new TestStore(name);
    log = new WrappedLog(store.open());
    running = await startApp({ NOTIFIER_HEARTBEAT: '1' }, [log.provider]);
  });

  afterEach(async () => {
    await running.close();
    store.remove();
  });

  test('is made good within a heartbeat, once for each connection, and in order', async () => {
    const { url } = running;
    const clients = [
      await SocketClient.subscribe(url, RESUMABLE),
      await SocketClient.subscribe(url, { access_id: USER, timestamp: 0 }),
    ];
    for (const client of clients) await client.until(({ pings }) => pings > 0);
    log.swallows = true;
    await pushed(url, [event(USER, 1, 'a'), event(USER, 1, 'b')]);
    await pushed(url, [event(USER, 1, 'c')]);
    expect(log.swallowed).toBe(2);
    for (const client of clients) await client.untilEvents(3);
    log.swallows = false;
    await pushed(url, [event(USER, 1, 'd')]);
    for (const client of clients) {
      await client.untilEvents(4);
      expect(client.payloads()).toEqual(['a', 'b', 'c', 'd']);
    }
  });

  test('is made good by the next announcement, without waiting for a heartbeat', async () => {
    const { url } = running;
    const client = await SocketClient.subscribe(url, RESUMABLE);
    await client.until(({ hasReachedHead }) => hasReachedHead);
    log.at = async (point) => {
      // No position check comes to its end.
      if (point === 'view') await new Promise(() => undefined);
    };
    log.swallows = true;
    await pushed(url, [event(USER, 1, 'a')]);
    log.swallows = false;
    await pushed(url, [event(USER, 1, 'b')]);
    await client.untilEvents(2);
    expect(client.payloads()).toEqual(['a', 'b']);
  });

  test('a store that lost its data closes with 4008, and on resuming declares what was lost', async () => {
    const { url } = running;
    await pushed(url, [event(USER, 1, 'lost')]);
    const clients = [
      await SocketClient.subscribe(url, { ...RESUMABLE, timestamp: 0 }),
      await SocketClient.subscribe(url, { access_id: USER, timestamp: 0 }),
    ];
    for (const client of clients) await client.untilEvents(1);
    const empty = new TestStore(name);
    await log.replace(empty.open());
    for (const client of clients) expect((await client.closed()).code).toBe(4008);
    await pushed(url, [event(USER, 2, 'new')]);
    const [id] = clients[0]!.ids();
    const resumed = await SocketClient.subscribe(url, { ...RESUMABLE, last_event_id: id });
    await resumed.untilEvents(1);
    expect(resumed.subscribed()!.recovered).toBe(false);
    expect(resumed.payloads()).toEqual(['new']);
    expect(resumed.ids()[0]).not.toBe(id);
    empty.remove();
  });
});
