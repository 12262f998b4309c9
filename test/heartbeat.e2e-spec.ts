import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Authenticator } from '../src/notifier/authenticator.js';
import { Gates } from './support/gates.js';
import { event, pushed } from './support/http.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { STORES, TestStore } from './support/test-store.js';
import { WrappedLog } from './support/wrapped-log.js';

const USER = 'client1';
const RESUMABLE = { access_id: USER, last_event_id: null };

describe.each(STORES)('with a heartbeat of 1 s and the %s store', (name) => {
  let store: TestStore;
  let running: RunningApp;
  let gates: Gates;
  let log: WrappedLog;

  beforeEach(async () => {
    store = new TestStore(name);
    gates = new Gates();
    log = new WrappedLog(store.open());
    log.at = (point) => gates.pass(point);
    const authenticator = { authenticate: () => gates.pass('authenticate') };
    running = await startApp({ NOTIFIER_HEARTBEAT: '1' }, [
      log.provider,
      { provide: Authenticator, useValue: authenticator },
    ]);
  });

  afterEach(async () => {
    await running.close();
    store.remove();
  });

  test('a silent resumable connection gets an empty array a heartbeat, a plain one nothing but pings', async () => {
    const resumable = await SocketClient.subscribe(running.url, RESUMABLE);
    const plain = await SocketClient.subscribe(running.url, { access_id: USER, timestamp: 0 });
    // One marks the head, the others are heartbeats.
    await resumable.until(({ texts }) => texts.filter((text) => text === '[]').length >= 4);
    await plain.until(({ pings }) => pings >= 3);
    expect(resumable.texts.slice(1).every((text) => text === '[]')).toBe(true);
    expect(plain.texts).toEqual([]);
  });

  test('nothing comes before `subscribed`, however long the authentication takes', async () => {
    gates.close('authenticate');
    const client = await SocketClient.subscribe(running.url, RESUMABLE);
    await client.until(({ pings }) => pings >= 3);
    expect(client.texts).toEqual([]);
    gates.open('authenticate');
    await client.until(({ hasReachedHead }) => hasReachedHead);
    expect(client.subscribed()).toBeDefined();
  });

  test('no heartbeat is taken for the mark of the head while the store is slow', async () => {
    await pushed(running.url, [event(USER, 1, 'a')]);
    const { id } = await firstEvent();
    const frames = ['b', 'c'].map((letter) => letter.repeat(200_000));
    await pushed(
      running.url,
      frames.map((payload) => event(USER, 2, payload)),
    );
    // The first page is there at once, the next one is not.
    log.at = (point) => (point === 'wasRead' ? gates.close('read') : gates.pass(point));
    const client = await SocketClient.subscribe(running.url, { ...RESUMABLE, last_event_id: id });
    await client.until(({ pings }) => pings >= 3);
    expect(client.payloads()).toEqual(frames.slice(0, 1));
    expect(client.texts).toHaveLength(2);
    gates.open('read');
    await client.until(({ hasReachedHead }) => hasReachedHead);
    expect(client.payloads()).toEqual(frames);
    expect(client.texts[3]).toBe('[]');
  });

  async function firstEvent() {
    const client = await SocketClient.subscribe(running.url, { ...RESUMABLE, timestamp: 0 });
    const [first] = await client.untilEvents(1);
    await client.close();
    return first!;
  }

  test('a client that answers no ping is cut, one that answers stays', async () => {
    const dead = await SocketClient.connect(running.url, { autoPong: false });
    dead.send({ access_id: USER, timestamp: 0 });
    const alive = await SocketClient.subscribe(running.url, { access_id: USER, timestamp: 0 });
    expect((await dead.closed()).code).toBe(1006);
    expect(alive.closeCode).toBeUndefined();
  });
});
