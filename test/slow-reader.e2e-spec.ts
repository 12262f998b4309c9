import { createHook } from 'node:async_hooks';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { setInterval as every } from 'node:timers/promises';
import { event, get, json, pushed } from './support/http.js';
import { SlowReader } from './support/slow-reader.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { STORES, TestStore } from './support/test-store.js';
import { eventually } from './support/wait.js';

const USER = 'client1';
const PAYLOAD = 'x'.repeat(60_000);
const EVENTS_A_PUSH = 10;

/** More than the kernel's buffers of both ends take: 4 MiB here, 6 to 32 MiB there. */
const PUSHES = 80;
const EVENTS = PUSHES * EVENTS_A_PUSH;

const numbers = (client: SocketClient) => client.events().map(({ created_at: number }) => number);
const from = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

describe.each(STORES)('a subscriber that stops reading, with the %s store', (name) => {
  let store: TestStore;
  let running: RunningApp;

  beforeEach(() => {
    store = new TestStore(name);
  });

  afterEach(async () => {
    await running.close();
    store.remove();
  });

  async function start(environment: Record<string, string>): Promise<string> {
    running = await startApp({ ...store.environment, NOTIFIER_HEARTBEAT: '120', ...environment });
    return running.url;
  }

  /** Pushes events that are numbered from 1, while `reading` gets all of them. */
  async function pushAll(url: string, reading: SocketClient): Promise<void> {
    for (let i = 0; i < PUSHES; i++) {
      const numbered = from(i * EVENTS_A_PUSH + 1, (i + 1) * EVENTS_A_PUSH);
      await pushed(
        url,
        numbered.map((number) => event(USER, number, PAYLOAD)),
      );
      await reading.until(({ texts }) => texts.length > 0 && lastNumber(texts.at(-1)!) === numbered.at(-1));
    }
  }

  test('gets everything in order once it reads again, and nobody waits for it', async () => {
    const url = await start({ NOTIFIER_BUFFER_BYTES: '100000000' });
    const slow = await SocketClient.subscribe(url, { access_id: USER, last_event_id: null });
    await slow.until(({ hasReachedHead }) => hasReachedHead);
    slow.pause();
    const reading = await SocketClient.subscribe(url, { access_id: USER, timestamp: 0 });
    await pushAll(url, reading);
    expect(numbers(reading)).toEqual(from(1, EVENTS));
    slow.resume();
    await slow.until(({ texts }) => lastNumber(texts.at(-1)!) === EVENTS, 60_000);
    expect(numbers(slow)).toEqual(from(1, EVENTS));
  }, 120_000);

  test('is told with 4008 that the log went on without it, and on resuming what it lost', async () => {
    const url = await start({ NOTIFIER_BUFFER_EVENTS: '20' });
    const slow = await SocketClient.subscribe(url, { access_id: USER, last_event_id: null });
    await slow.until(({ hasReachedHead }) => hasReachedHead);
    slow.pause();
    const reading = await SocketClient.subscribe(url, { access_id: USER, timestamp: 0 });
    await pushAll(url, reading);
    slow.resume();
    expect((await slow.closed()).code).toBe(4008);
    const got = numbers(slow);
    expect(got).toEqual(from(1, got.length));
    expect(got.length).toBeLessThan(EVENTS - 20);
    const resumed = await SocketClient.subscribe(url, { access_id: USER, last_event_id: slow.ids().at(-1) });
    await resumed.until(({ hasReachedHead }) => hasReachedHead);
    expect(resumed.subscribed()!.recovered).toBe(false);
    expect(numbers(resumed)).toEqual(from(EVENTS - 19, EVENTS));
  }, 120_000);
});

/** Cheaper than parsing megabytes for one number. */
function lastNumber(text: string): number {
  return Number(/"created_at":(\d+)/.exec(text.slice(text.lastIndexOf('"accessid"')))?.[1]);
}

describe('with a heartbeat of 2 s', () => {
  const HEARTBEAT_S = 2;
  const HEARTBEATS = 5;
  const SIP_BYTES = 65_536;
  const SIP_MS = 500;
  let running: RunningApp;

  beforeEach(async () => {
    running = await startApp({
      NOTIFIER_HEARTBEAT: String(HEARTBEAT_S),
      NOTIFIER_BUFFER_BYTES: '100000000',
      NOTIFIER_MAX_BODY: '100000000',
    });
  });

  afterEach(() => running.close());

  async function connections(): Promise<{ last_sign_of_life: number }[]> {
    const answer = await get(running.url, `/clients?access_id=${USER}`);
    return (json(answer) as { connections: { last_sign_of_life: number }[] }).connections;
  }

  /** A replay that a reader of 64 KiB every 500 ms is busy with for longer than the test takes. */
  async function replayed(events: number): Promise<SlowReader> {
    const numbered = from(1, events).map((number) => event(USER, number, PAYLOAD));
    await pushed(running.url, numbered);
    return SlowReader.subscribe(running.url, { access_id: USER, timestamp: 0 });
  }

  test.each([
    ['its replay fills its socket', 200, 0],
    ['its replay fits into the kernel’s buffers', 45, 0],
    ['the kernel is given more than it takes', 10, 2],
  ])(
    'a reader so slow that only the bytes it takes show that it lives is not cut, where %s',
    async (_, events, more) => {
      const slow = await replayed(events);
      const clock = await SocketClient.subscribe(running.url, { access_id: 'clock', timestamp: 0 });
      for await (const _tick of every(SIP_MS)) {
        slow.sip(SIP_BYTES);
        await pushed(
          running.url,
          from(1, more).map((number) => event(USER, number, PAYLOAD)),
        );
        if (clock.pings > HEARTBEATS) break;
      }
      expect(slow.isCut).toBe(false);
      const [connection] = await connections();
      expect(Date.now() - connection!.last_sign_of_life).toBeLessThan(HEARTBEATS * HEARTBEAT_S * 1000);
      slow.destroy();
    },
    60_000,
  );

  test('nor is one that answered a ping, which says nothing of what came after it', async () => {
    const slow = await SlowReader.subscribe(running.url, { access_id: USER, timestamp: 0 });
    const { taken } = slow;
    const clock = await SocketClient.subscribe(running.url, { access_id: 'clock', timestamp: 0 });
    slow.sip(1);
    await eventually(() => slow.taken > taken, 'its first ping');
    await pushed(
      running.url,
      from(1, 45).map((number) => event(USER, number, PAYLOAD)),
    );
    const { pings } = clock;
    await clock.until((one) => one.pings > pings + 1);
    // Its second one has been sent, too.
    slow.pong();
    for await (const _tick of every(SIP_MS)) {
      slow.sip(SIP_BYTES);
      if (clock.pings > pings + HEARTBEATS) break;
    }
    expect(slow.isCut).toBe(false);
    expect(await connections()).toHaveLength(1);
    slow.destroy();
  }, 60_000);

  test('a dead one that takes nothing is cut', async () => {
    const dead = await replayed(200);
    await eventually(async () => (await connections()).length === 1, 'the connection');
    await eventually(async () => (await connections()).length === 0, 'the cut');
    dead.destroy();
  }, 60_000);

  test('one that had read all but little of what it was given is cut, and the system is not asked about it', async () => {
    const client = await SocketClient.subscribe(running.url, { access_id: USER, timestamp: 0 });
    await pushed(
      running.url,
      from(1, EVENTS_A_PUSH).map((number) => event(USER, number, PAYLOAD)),
    );
    await client.until(() => client.events().length === EVENTS_A_PUSH);
    const { pings } = client;
    // With the second, the answer to the first has come.
    await client.until((one) => one.pings > pings + 1);
    let files = 0;
    const hook = createHook({ init: (_id, type) => void (type === 'FILEHANDLE' && files++) }).enable();
    client.pause();
    await eventually(async () => (await connections()).length === 0, 'the cut');
    hook.disable();
    expect(files).toBe(0);
    await client.terminate();
  }, 60_000);

  test('one that stops reading after a while is cut', async () => {
    const slow = await replayed(200);
    const clock = await SocketClient.subscribe(running.url, { access_id: 'clock', timestamp: 0 });
    for await (const _tick of every(SIP_MS)) {
      slow.sip(SIP_BYTES);
      if (clock.pings > 2) break;
    }
    expect(await connections()).toHaveLength(1);
    await eventually(async () => (await connections()).length === 0, 'the cut');
    slow.destroy();
  }, 60_000);
});
