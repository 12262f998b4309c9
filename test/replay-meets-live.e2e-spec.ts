import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { event, pushed } from './support/http.js';
import { Random } from './support/random.js';
import { SocketClient, type ReceivedEvent } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { STORES, TestStore } from './support/test-store.js';
import { eventually } from './support/wait.js';

const USERS = ['ann', 'bob', 'cid'];
const CONNECTORS = 6;
const PUSHES = 60;
const SUBSCRIBERS = 100;
const OLDEST = -Number.MAX_SAFE_INTEGER;
const LAST = 'last';

/** A connector pushes one after the other, each payload once: `connector:number`. */
async function connector(url: string, name: number, random: Random, onPush: () => void): Promise<void> {
  let number = 0;
  for (let i = 0; i < PUSHES; i++) {
    const size = random.integer(1, 6);
    const createdAt = () => random.integer(0, 100);
    const events = Array.from({ length: size }, () =>
      event(random.pick(USERS), createdAt(), `${name}:${number++}`),
    );
    await pushed(url, events);
    onPush();
  }
}

/** What one subscriber asked for, over all its connections. */
interface Asked {
  readonly accessId: string;
  /** Undefined: everything after the position that the first connection was told. */
  readonly timestamp: number | undefined;
  readonly connections: SocketClient[];
}

const eventsOf = (asked: Asked): ReceivedEvent[] => asked.connections.flatMap((client) => client.events());

/** Connects in the form that its number stands for. */
async function subscriber(url: string, number: number, random: Random): Promise<Asked> {
  const accessId = random.pick(USERS);
  const timestamp = number % 4 === 3 ? undefined : random.pick([OLDEST, 0, 50, 100, 101]);
  const first = { access_id: accessId, timestamp, ...(number % 2 === 1 && { last_event_id: null }) };
  return { accessId, timestamp, connections: [await SocketClient.subscribe(url, first)] };
}

/** Cuts the connection wherever it is, and goes on from the last id that came. */
async function resume(url: string, { accessId, connections }: Asked): Promise<void> {
  const [client] = connections as [SocketClient];
  await client.until(() => client.subscribed() !== undefined);
  await client.terminate();
  const lastEventId = client.ids().at(-1) ?? client.subscribed()!.last_event_id;
  connections.push(await SocketClient.subscribe(url, { access_id: accessId, last_event_id: lastEventId }));
}

/**
 * The one log order, the whole of it: from the past only what is old enough may be left out, and from the first event on
 * that came live nothing.
 */
function expectInOrder(asked: Asked, log: readonly ReceivedEvent[]): void {
  const received = eventsOf(asked).map(({ payload }) => payload);
  const start = asked.timestamp === undefined ? startOf(asked, log) : 0;
  const sent = new Set(received);
  const firstLate = log.findIndex(
    (e, i) => i >= start && e.created_at < asked.timestamp! && sent.has(e.payload),
  );
  const live = firstLate < 0 ? log.length : firstLate;
  const expected = log.filter(
    (e, i) => i >= start && (asked.timestamp === undefined || i >= live || e.created_at >= asked.timestamp),
  );
  expect(received).toEqual(expected.map(({ payload }) => payload));
}

function startOf(asked: Asked, log: readonly ReceivedEvent[]): number {
  const { last_event_id: position } = asked.connections[0]!.subscribed()!;
  return log.findIndex(({ id }) => id === position) + 1;
}

/** What a resumable subscriber is told to begin after is what stands before its first event. */
function expectExactPosition(asked: Asked, log: readonly ReceivedEvent[]): void {
  const subscribed = asked.connections[0]!.subscribed();
  const [first] = eventsOf(asked);
  if (!subscribed || !first) return;
  const before = log[log.findIndex(({ id }) => id === first.id) - 1];
  if (before) expect(subscribed.last_event_id).toBe(before.id);
  expect(subscribed.recovered).toBe(true);
}

describe.each(STORES)('with the %s store', (name) => {
  let store: TestStore;
  let running: RunningApp;

  beforeEach(async () => {
    store = new TestStore(name);
    running = await startApp({
      ...store.environment,
      NOTIFIER_BUFFER_EVENTS: '100000',
      NOTIFIER_MAX_CONNECTIONS_PER_USER: '1000',
    });
  });

  afterEach(async () => {
    await running.close();
    store.remove();
  });

  test('100 subscribers that come while connectors push get everything once, in the one order of the log', async () => {
    const { url } = running;
    const random = new Random(7);
    const logs = new Map<string, SocketClient>();
    for (const user of USERS) {
      const first = { access_id: user, timestamp: OLDEST, last_event_id: null };
      logs.set(user, await SocketClient.subscribe(url, first));
    }
    const asked: Asked[] = [];
    const resuming: Promise<void>[] = [];
    let pushes = 0;
    const comeOneByOne = async () => {
      for (let i = 0; i < SUBSCRIBERS; i++) {
        const due = (i * CONNECTORS * PUSHES) / SUBSCRIBERS;
        await eventually(() => pushes >= due, `${due} pushes`);
        asked.push(await subscriber(url, i, random));
        const earlier = asked[i - 8];
        if (i % 4 === 1 && earlier?.connections[0]!.subscribed()) resuming.push(resume(url, earlier));
      }
    };
    const connectors = Array.from({ length: CONNECTORS }, (_, i) =>
      connector(url, i, new Random(i), () => pushes++),
    );
    await Promise.all([comeOneByOne(), ...connectors]);
    await Promise.all(resuming);
    await pushed(
      url,
      USERS.map((user) => event(user, 1000, LAST)),
    );
    const hasEnded = (client: SocketClient) => client.texts.at(-1)?.includes(`"${LAST}"`) ?? false;
    for (const client of logs.values()) await client.until(hasEnded);
    for (const { connections } of asked) await connections.at(-1)!.until(hasEnded);

    expect(resuming.length).toBeGreaterThan(10);
    const all = [...logs.values()].flatMap((client) => client.events());
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    for (const client of logs.values()) expectConnectorsInOrder(client.payloads());
    for (const one of asked) {
      expectInOrder(one, logs.get(one.accessId)!.events());
      expectExactPosition(one, logs.get(one.accessId)!.events());
    }
  }, 120_000);
});

/** Each connector waited for its answers: what it pushed later stands later. */
function expectConnectorsInOrder(payloads: readonly unknown[]): void {
  for (let i = 0; i < CONNECTORS; i++) {
    const own = payloads
      .filter((p) => String(p).startsWith(`${i}:`))
      .map((p) => Number(String(p).split(':')[1]));
    expect(own).toEqual(own.toSorted((a, b) => a - b));
    expect(own.length).toBeGreaterThan(0);
  }
}
