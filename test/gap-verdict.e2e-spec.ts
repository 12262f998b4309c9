import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EventLog } from '../src/notifier/event-log.js';
import type { Bounds } from '../src/storage/bounds.js';
import { drop, event, pushed } from './support/http.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { STORES, TestStore } from './support/test-store.js';

const USER = 'client1';
const HOUR_MS = 3_600_000;
const BUFFER_TTL_MS = 60_000;
const HEAD_TTL_MS = HOUR_MS;
/** Heads are forgotten to the hour. */
const FORGOTTEN_MS = BUFFER_TTL_MS + HEAD_TTL_MS + 2 * HOUR_MS;

const UNKNOWN_IDS = [
  '',
  'nonsense',
  '__proto__',
  'AAAAAAAA.1.a',
  'AAAAAAAA.0.0',
  'AAAAAAAA.9007199254740993.a',
];

/** What a subscriber was told and sent up to the mark of the head. */
interface Told {
  readonly recovered: boolean;
  readonly position: string;
  readonly payloads: readonly unknown[];
}

describe.each(STORES)('the verdict of the %s store', (name) => {
  let store: TestStore;
  let running: RunningApp;
  let now: number;

  async function start(bounds: Partial<Bounds> = {}): Promise<void> {
    const all = { bufferTtlMs: BUFFER_TTL_MS, headTtlMs: HEAD_TTL_MS, ...bounds };
    const log = store.open(all, () => now);
    running = await startApp({}, [{ provide: EventLog, useValue: log }]);
  }

  beforeEach(() => {
    store = new TestStore(name);
    now = Date.now();
  });

  afterEach(async () => {
    await running.close();
    store.remove();
  });

  async function told(request: object, accessId = USER): Promise<Told> {
    const first = { access_id: accessId, last_event_id: null, ...request };
    const client = await SocketClient.subscribe(running.url, first);
    await client.until(({ hasReachedHead }) => hasReachedHead);
    const { recovered, last_event_id: position } = client.subscribed()!;
    await client.close();
    return { recovered, position, payloads: client.payloads() };
  }

  /** Pushes one event for each `created_at`, one after the other, and returns their ids. */
  async function ids(createdAts: readonly number[], accessId = USER, payload = ''): Promise<string[]> {
    const client = await SocketClient.subscribe(running.url, { access_id: accessId, last_event_id: null });
    await client.until(({ hasReachedHead }) => hasReachedHead);
    for (const at of createdAts) await pushed(running.url, [event(accessId, at, `${at}${payload}`)]);
    await client.untilEvents(createdAts.length);
    await client.close();
    return client.ids();
  }

  const resumed = (lastEventId: string | undefined, request: object = {}) =>
    told({ last_event_id: lastEventId, ...request });

  test('nothing is missing after an id whose successors are all held, and after that of the newest trimmed event', async () => {
    await start({ bufferEvents: 2 });
    const [first, second, third, fourth] = await ids([1, 2, 3, 4]);
    expect(await resumed(first)).toMatchObject({ recovered: false, payloads: ['3', '4'] });
    expect(await resumed(second)).toEqual({ recovered: true, position: second, payloads: ['3', '4'] });
    expect(await resumed(third)).toEqual({ recovered: true, position: third, payloads: ['4'] });
    expect(await resumed(fourth)).toEqual({ recovered: true, position: fourth, payloads: [] });
  });

  test('what was trimmed for its bytes is declared like what was trimmed for its number', async () => {
    await start({ bufferBytes: 1024 });
    const payload = 'x'.repeat(400);
    const [first, second] = await ids([1, 2, 3, 4], USER, payload);
    expect(await resumed(first)).toMatchObject({
      recovered: false,
      payloads: [`3${payload}`, `4${payload}`],
    });
    expect(await resumed(second)).toMatchObject({
      recovered: true,
      payloads: [`3${payload}`, `4${payload}`],
    });
  });

  test('what has expired is declared, and whoever has seen everything is told that nothing is missing', async () => {
    await start();
    const [first, second] = await ids([1, 2]);
    now += BUFFER_TTL_MS + 1;
    expect(await resumed(first)).toMatchObject({ recovered: false, payloads: [] });
    expect(await resumed(second)).toEqual({ recovered: true, position: second, payloads: [] });
    await pushed(running.url, [event(USER, 0, 'new')]);
    expect(await resumed(first)).toMatchObject({ recovered: false, payloads: ['new'] });
    expect(await resumed(second)).toMatchObject({ recovered: true, payloads: ['new'] });
  });

  test('an unknown id gets all that is held, or what its timestamp asks for, and an honest verdict', async () => {
    await start();
    const [first] = await ids([1, 2]);
    const [epoch, , tag] = first!.split('.');
    const forged = [`${epoch}.1.${tag}0`, `${epoch}.3.${tag}`, `${epoch}.0.1`, `${epoch}.01.${tag}`];
    for (const id of [...UNKNOWN_IDS, ...forged]) {
      expect(await resumed(id)).toMatchObject({ recovered: false, payloads: ['1', '2'] });
      expect(await resumed(id, { timestamp: 2 })).toMatchObject({ recovered: false, payloads: ['2'] });
    }
  });

  test('the id of another user’s event is unknown', async () => {
    await start();
    await ids([1, 2]);
    const [other] = await ids([1, 2], 'client2');
    expect(await resumed(other)).toMatchObject({ recovered: false, payloads: ['1', '2'] });
  });

  test('a timestamp counts only where the id is unknown or trimmed', async () => {
    await start({ bufferEvents: 3 });
    const [first, second] = await ids([4, 3, 2, 1]);
    expect(await resumed(second, { timestamp: 2 })).toMatchObject({ recovered: true, payloads: ['2', '1'] });
    await ids([5]);
    expect(await resumed(first, { timestamp: 2 })).toMatchObject({ recovered: false, payloads: ['2', '5'] });
  });

  test('a start by timestamp is whole above the highest created_at that is gone, and doubtful at or below it', async () => {
    await start({ bufferEvents: 2 });
    await ids([10, 7, 20, 8]);
    expect(await told({ timestamp: 11 })).toMatchObject({ recovered: true, payloads: ['20'] });
    expect(await told({ timestamp: 10 })).toMatchObject({ recovered: false, payloads: ['20'] });
    expect(await told({ timestamp: 8 })).toMatchObject({ recovered: false, payloads: ['20', '8'] });
    now += BUFFER_TTL_MS + 1;
    expect(await told({ timestamp: 21 })).toMatchObject({ recovered: true, payloads: [] });
    expect(await told({ timestamp: 20 })).toMatchObject({ recovered: false, payloads: [] });
  });

  test('a start by timestamp in a log that was never trimmed is whole', async () => {
    await start();
    expect(await told({ timestamp: 0 })).toMatchObject({ recovered: true, payloads: [] });
    await ids([1, 2]);
    expect(await told({ timestamp: 2 })).toMatchObject({ recovered: true, payloads: ['2'] });
    expect(await told({ timestamp: -5 })).toMatchObject({ recovered: true, payloads: ['1', '2'] });
  });

  test('null without a timestamp begins with the next event, whatever is gone', async () => {
    await start({ bufferEvents: 1 });
    const [, second] = await ids([1, 2]);
    expect(await told({})).toEqual({ recovered: true, position: second, payloads: [] });
  });

  test('a forgotten head makes old ids unknown, and its highest created_at counts for every user', async () => {
    await start();
    const [first, second] = await ids([10, 20]);
    const before = await told({}, 'nobody');
    now += FORGOTTEN_MS;
    for (const id of [first, second]) expect((await resumed(id)).recovered).toBe(false);
    expect(await told({ timestamp: 20 })).toMatchObject({ recovered: false, payloads: [] });
    expect(await told({ timestamp: 21 })).toMatchObject({ recovered: true, payloads: [] });
    const [third] = await ids([30]);
    expect(third!.split('.')[0]).not.toBe(first!.split('.')[0]);
    for (const id of [first, second]) {
      expect(await resumed(id)).toMatchObject({ recovered: false, payloads: ['30'] });
    }
    expect(await told({ timestamp: 20 })).toMatchObject({ recovered: false, payloads: ['30'] });
    expect((await told({ last_event_id: before.position }, 'nobody')).payloads).toEqual([]);
  });

  test('events that come to an empty log while its client is away are exactly what the client gets', async () => {
    await start();
    await ids([1], 'client2');
    const { position, recovered } = await told({});
    expect(recovered).toBe(true);
    await ids([2], 'client2');
    expect(await resumed(position)).toEqual({ recovered: true, position, payloads: [] });
    await ids([3, 4]);
    expect(await resumed(position)).toMatchObject({ recovered: true, payloads: ['3', '4'] });
  });

  test('a client of an empty log is told if its first event is gone when it comes back', async () => {
    await start({ bufferEvents: 2 });
    const { position } = await told({});
    await ids([1, 2]);
    expect(await resumed(position)).toMatchObject({ recovered: true, payloads: ['1', '2'] });
    await ids([3]);
    expect(await resumed(position)).toMatchObject({ recovered: false, payloads: ['2', '3'] });
  });

  test('a client of an empty log whose log came and was forgotten is told so', async () => {
    await start();
    const { position } = await told({});
    await ids([1]);
    now += FORGOTTEN_MS;
    expect((await resumed(position)).recovered).toBe(false);
    await ids([2]);
    expect(await resumed(position)).toMatchObject({ recovered: false, payloads: ['2'] });
  });

  test('a drop begins a log, and positions before and after it stay exact', async () => {
    await start();
    const before = await told({});
    expect((await drop(running.url, USER)).text).toBe('true');
    const after = await told({});
    for (const { position } of [before, after]) {
      expect(await resumed(position)).toMatchObject({ recovered: true, payloads: [] });
    }
    await ids([1, 2]);
    for (const { position } of [before, after]) {
      expect(await resumed(position)).toMatchObject({ recovered: true, payloads: ['1', '2'] });
    }
    expect(await told({ timestamp: 2 })).toMatchObject({ recovered: true, payloads: ['2'] });
  });
});
