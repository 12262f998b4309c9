import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { event, pushed } from './support/http.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { STORES, TestStore } from './support/test-store.js';

const USER = 'client1';
const MAX = Number.MAX_SAFE_INTEGER;

describe.each(STORES)('`timestamp`, with the %s store', (name) => {
  let store: TestStore;
  let running: RunningApp;

  beforeEach(async () => {
    store = new TestStore(name);
    running = await startApp(store.environment);
  });

  afterEach(async () => {
    await running.close();
    store.remove();
  });

  /** What a plain subscriber gets of the past, and then of the event that is pushed last. */
  async function received(timestamp: number, pushedLast: number): Promise<unknown[]> {
    const client = await SocketClient.subscribe(running.url, { access_id: USER, timestamp });
    const witness = await SocketClient.subscribe(running.url, { access_id: USER, last_event_id: null });
    await witness.until(({ hasReachedHead }) => hasReachedHead);
    await pushed(running.url, [event(USER, pushedLast, 'live')]);
    await client.until((one) => one.payloads().includes('live'));
    await client.close();
    return client.events().map(({ created_at: at, payload }) => (payload === 'live' ? 'live' : at));
  }

  test('chooses from the past and does not filter what comes: an older event is delivered live', async () => {
    await pushed(running.url, [event(USER, 100, ''), event(USER, 200, ''), event(USER, 150, '')]);
    expect(await received(150, 1)).toEqual([200, 150, 'live']);
  });

  test('includes events that are exactly as old, in log order', async () => {
    await pushed(
      running.url,
      [7, 6, 7, 8, 7].map((at) => event(USER, at, '')),
    );
    expect(await received(7, 0)).toEqual([7, 7, 8, 7, 'live']);
  });

  test.each([
    [-MAX, [MAX, -1, 0, -MAX]],
    [-1, [MAX, -1, 0]],
    [0, [MAX, 0]],
    [1, [MAX]],
    [MAX, [MAX]],
  ])('may be anything from -(2^53 - 1) to 2^53 - 1: %d', async (timestamp, expected) => {
    await pushed(
      running.url,
      [MAX, -1, 0, -MAX].map((at) => event(USER, at, '')),
    );
    expect(await received(timestamp, -MAX)).toEqual([...expected, 'live']);
  });

  test('-0 is 0, and an integer may be written with a fraction or an exponent', async () => {
    await pushed(running.url, `[{"accessid":"${USER}","created_at":-0.0,"payload":""}]`);
    await pushed(running.url, `[{"accessid":"${USER}","created_at":1e1,"payload":""}]`);
    const client = await SocketClient.connect(running.url);
    client.send(`{"access_id":"${USER}","timestamp":-0.0}`);
    await client.untilEvents(2);
    expect(client.texts.join('')).toMatch(/"created_at":0,.*"created_at":10,/);
  });

  test('a first event for a user nobody knows reaches whoever waits for it', async () => {
    expect(await received(MAX, -MAX)).toEqual(['live']);
  });

  test('a replay that nothing qualifies for goes on live', async () => {
    await pushed(
      running.url,
      [1, 2, 3].map((at) => event(USER, at, '')),
    );
    expect(await received(4, 3)).toEqual(['live']);
  });
});
