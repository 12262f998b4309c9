import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { event, pushed } from './support/http.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { STORES, TestStore } from './support/test-store.js';

const USER = 'client1';
const MAX_FRAME_BYTES = 256 * 1024;
const RESUMABLE = { access_id: USER, last_event_id: null };

describe.each(STORES)('with the %s store', (name) => {
  let store: TestStore;
  let running: RunningApp;

  const start = async () => {
    running = await startApp({
      ...store.environment,
      NOTIFIER_MAX_BODY: '4000000',
      NOTIFIER_MAX_EVENT: '400000',
    });
  };

  beforeEach(async () => {
    store = new TestStore(name);
    await start();
  });

  afterEach(async () => {
    await running.close();
    store.remove();
  });

  /** A resumable subscriber that has got all that there is. */
  async function subscribed(request: object): Promise<SocketClient> {
    const client = await SocketClient.subscribe(running.url, { ...RESUMABLE, ...request });
    await client.until(({ hasReachedHead }) => hasReachedHead);
    return client;
  }

  const pushNumbers = (...numbers: number[]) =>
    pushed(
      running.url,
      numbers.map((number) => event(USER, -number, number)),
    );

  test('a subscriber that names any id gets exactly the events after it', async () => {
    for (let i = 1; i <= 20; i += 4) await pushNumbers(i, i + 1, i + 2, i + 3);
    const all = await subscribed({ timestamp: -20 });
    expect(all.payloads()).toHaveLength(20);
    const ids = all.ids();
    const positions = [all.subscribed()!.last_event_id, ...ids];
    for (const [i, position] of positions.entries()) {
      const client = await subscribed({ last_event_id: position });
      expect(client.ids()).toEqual(ids.slice(i));
      expect(client.subscribed()).toMatchObject({ recovered: true, last_event_id: position });
      await client.close();
    }
  });

  test('an event has its id as its first member, and otherwise the text of the plain form', async () => {
    await pushed(running.url, `[{"accessid":"${USER}","created_at":1,"payload":1.0}]`);
    const client = await subscribed({ timestamp: 0 });
    const [id] = client.ids();
    expect(client.texts[1]).toBe(`[{"id":"${id}","accessid":"${USER}","created_at":1,"payload":1.0}]`);
  });

  test('`subscribed` comes first and alone, with what the client needs for its reconnect', async () => {
    await pushNumbers(1);
    const client = await subscribed({ timestamp: -1 });
    const { last_event_id: position, ...rest } = client.subscribed()!;
    expect(rest).toEqual({ access_id: USER, recovered: true, heartbeat: 30, reconnect_within_ms: 500 });
    expect(position).toMatch(/^[\w-]{8}\.0\.0$/);
    expect(Object.keys(client.messages[0] as object)).toEqual(['subscribed']);
    expect(client.texts).toHaveLength(3);
  });

  test('the mark of the head stands between what was there at the start and what came later, once', async () => {
    await pushNumbers(1, 2);
    const client = await subscribed({ timestamp: -2 });
    await pushNumbers(3);
    await client.untilEvents(3);
    expect(client.texts.map((text) => text === '[]')).toEqual([false, false, true, false]);
  });

  test('a start by timestamp is told the position just before its first event, and can resume from it', async () => {
    await pushNumbers(3, 2, 1);
    const all = await subscribed({ timestamp: -3 });
    const late = await subscribed({ timestamp: -2 });
    expect(late.payloads()).toEqual([2, 1]);
    expect(late.subscribed()!.last_event_id).toBe(all.ids()[0]);
    const none = await subscribed({ timestamp: 0 });
    expect(none.subscribed()!.last_event_id).toBe(all.ids()[2]);
  });

  test('the plain form has no ids, no marks and no empty arrays', async () => {
    const client = await SocketClient.subscribe(running.url, { access_id: USER, timestamp: -10 });
    const behind = await subscribed({ access_id: USER });
    await pushNumbers(1);
    await pushNumbers(2, 3);
    await behind.untilEvents(3);
    await client.untilEvents(3);
    expect(client.texts.join('')).not.toContain('"id"');
    expect(client.texts).not.toContain('[]');
    expect(client.messages.every((message) => Array.isArray(message))).toBe(true);
  });

  test('a frame, replayed or live, holds at most 256 KiB unless one event is larger', async () => {
    const live = await subscribed({});
    const sizes = [
      1000,
      100_000,
      100_000,
      100_000,
      255_000,
      10,
      300_000,
      10,
      ...Array(900).fill(500),
    ] as number[];
    const events = sizes.map((size, i) => event(USER, i, 'x'.repeat(size)));
    await pushed(running.url, events);
    await live.untilEvents(sizes.length);
    const replayed = await subscribed({ timestamp: 0 });
    for (const client of [live, replayed]) {
      expect(client.events().map((e) => String(e.payload).length)).toEqual(sizes);
      const frames = client.texts.filter((text) => text.length > MAX_FRAME_BYTES);
      expect(frames.map((text) => (JSON.parse(text) as unknown[]).length)).toEqual([1]);
      expect(client.texts.length).toBeLessThan(12);
    }
  });

  test('what one push brings one user leaves as one frame', async () => {
    const client = await subscribed({});
    await pushNumbers(1, 2, 3);
    await client.untilEvents(3);
    expect(client.texts).toHaveLength(3);
  });
});

test('with LMDB, ids and positions from before a restart are exact after it', async () => {
  const store = new TestStore('lmdb');
  let running = await startApp(store.environment);
  const empty = await SocketClient.subscribe(running.url, { access_id: 'empty', last_event_id: null });
  const before = await SocketClient.subscribe(running.url, RESUMABLE);
  for (const client of [empty, before]) await client.until(({ hasReachedHead }) => hasReachedHead);
  await pushed(running.url, [event(USER, 1, 'a'), event(USER, 2, 'b')]);
  await before.untilEvents(2);
  const positions = [before.subscribed()!.last_event_id, ...before.ids()];
  await running.close();

  running = await startApp(store.environment);
  await pushed(running.url, [event(USER, 0, 'c'), event('empty', 0, 'first')]);
  for (const [i, position] of positions.entries()) {
    const client = await SocketClient.subscribe(running.url, { ...RESUMABLE, last_event_id: position });
    await client.until(({ hasReachedHead }) => hasReachedHead);
    expect(client.subscribed()!.recovered).toBe(true);
    expect(client.payloads()).toEqual(['a', 'b', 'c'].slice(i));
    expect(client.ids().slice(0, 2 - i)).toEqual(positions.slice(i + 1));
  }
  const resumed = await SocketClient.subscribe(running.url, {
    access_id: 'empty',
    last_event_id: empty.subscribed()!.last_event_id,
  });
  await resumed.untilEvents(1);
  expect(resumed.subscribed()!.recovered).toBe(true);
  expect(resumed.payloads()).toEqual(['first']);
  await running.close();
  store.remove();
});
