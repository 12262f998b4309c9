import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EventStream } from './support/event-stream.js';
import { drop, event, get, json, pushed, type ErrorAnswer } from './support/http.js';
import { Random } from './support/random.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { STORES, TestStore } from './support/test-store.js';
import { eventually } from './support/wait.js';

const USER = 'client1';

/** In UTF-8 byte order; UTF-16 units would put the emoji before U+FF5E. */
const IN_ORDER = [
  '!',
  '..',
  'A',
  '__proto__',
  'a',
  'a b',
  'aa',
  'é',
  '\uff5e',
  '\u{1f600}',
  '\u{1f600}'.repeat(64),
];

interface Page {
  readonly clients: readonly { readonly access_id: string; readonly connections: number }[];
  readonly next: string | null;
}

interface Explanation {
  readonly log: Readonly<Record<string, unknown>>;
  readonly connections: readonly Readonly<Record<string, unknown>>[];
  readonly drops: number;
}

/** An event's number in its log, which its id holds. */
const numberOf = (id: unknown) => Number(String(id).split('.')[1]);

test('a stream that takes what it is sent shows a sign of life at every heartbeat', async () => {
  const running = await startApp({ NOTIFIER_HEARTBEAT: '1' });
  const stream = await EventStream.open(running.url, { access_id: USER, timestamp: '0' });
  const signOfLife = async () => {
    const { connections } = json(await get(running.url, `/clients?access_id=${USER}`)) as Explanation;
    return connections[0]!['last_sign_of_life'] as number;
  };
  const first = await signOfLife();
  await eventually(async () => (await signOfLife()) > first + 900, 'it was seen to live');
  stream.close();
  await running.close();
});

describe.each(STORES)('GET /clients with the %s store', (name) => {
  let store: TestStore;
  let running: RunningApp;

  beforeEach(async () => {
    store = new TestStore(name);
    running = await startApp({
      ...store.environment,
      NOTIFIER_MAX_CONNECTIONS_PER_USER: '3',
      // No position check ends one that is far behind.
      NOTIFIER_HEARTBEAT: '3600',
    });
  });

  afterEach(async () => {
    await running.close();
    store.remove();
  });

  async function connect(accessId: string, request: object = { last_event_id: null }): Promise<SocketClient> {
    const client = await SocketClient.subscribe(running.url, { access_id: accessId, ...request });
    if ('last_event_id' in request) await client.until(({ hasReachedHead }) => hasReachedHead);
    return client;
  }

  const page = async (query: string) => json(await get(running.url, `/clients${query}`)) as Page;
  const explain = async (accessId: string) =>
    json(await get(running.url, `/clients?access_id=${encodeURIComponent(accessId)}`)) as Explanation;

  test('lists connected users in the order of their UTF-8 bytes, page by page', async () => {
    expect(await page('')).toEqual({ clients: [], next: null });
    for (const id of new Random(3).shuffled(IN_ORDER)) await connect(id);
    const all = await page('');
    expect(all.clients.map(({ access_id: id }) => id)).toEqual(IN_ORDER);
    expect(all.next).toBeNull();
    for (const limit of [1, 4, IN_ORDER.length - 1, IN_ORDER.length]) {
      const ids: string[] = [];
      let after = '';
      do {
        const { clients, next } = await page(`?limit=${limit}${after}`);
        expect(clients.length).toBeLessThanOrEqual(limit);
        ids.push(...clients.map(({ access_id: id }) => id));
        after = next === null ? '' : `&after=${encodeURIComponent(next)}`;
      } while (after !== '');
      expect(ids).toEqual(IN_ORDER);
    }
    expect((await page('?after=Z')).clients[0]!.access_id).toBe('__proto__');
  });

  test.each(['0', '10001', '-1', '1.5', '', 'x', '1e3'])('refuses limit=%s', async (limit) => {
    expect((await get(running.url, `/clients?limit=${limit}`)).status).toBe(400);
  });

  test('refuses an access id by another name, which would be answered with everyone', async () => {
    const answer = await get(running.url, '/clients?accessid=a');
    expect([answer.status, (json(answer) as ErrorAnswer).message]).toEqual([
      400,
      'access_id is written accessid',
    ]);
  });

  test.each([
    ['?access_id=%C0%80', 'the query must be UTF-8, percent-encoded'],
    ['?after=%', 'the query must be UTF-8, percent-encoded'],
    ['?after=a&after=b', 'after must not stand twice in the query'],
    ['?limit=1&limit=1', 'limit must not stand twice in the query'],
    ['?x=1&x=1', 'a parameter must not stand twice in the query'],
  ])('refuses %s, which could mean anything', async (query, message) => {
    const answer = await get(running.url, `/clients${query}`);
    expect([answer.status, (json(answer) as ErrorAnswer).message]).toEqual([400, message]);
  });

  test('takes a limit of 1 and of 10,000', async () => {
    for (const limit of [1, 10_000])
      expect((await get(running.url, `/clients?limit=${limit}`)).status).toBe(200);
  });

  test('counts a user’s connections, each of which gets everything, until the oldest makes room', async () => {
    const clients = [await connect(USER), await connect(USER), await connect(USER)];
    expect((await page('')).clients).toEqual([{ access_id: USER, connections: 3 }]);
    await pushed(running.url, [event(USER, 1, 'for all')]);
    for (const client of clients) await client.untilEvents(1);
    await connect(USER);
    expect(await clients[0]!.closed()).toEqual({ code: 4504, reason: 'replaced' });
    expect((await page('')).clients).toEqual([{ access_id: USER, connections: 3 }]);
    await clients[1]!.close();
    await eventually(async () => (await page('')).clients[0]!.connections === 2, 'one connection fewer');
    await pushed(running.url, [event(USER, 1, 'for those who are left')]);
    await clients[2]!.untilEvents(2);
    expect(clients[0]!.payloads()).toEqual(['for all']);
  });

  test('tells of a user nobody knows the same with zeros', async () => {
    expect(await explain('nobody')).toEqual({
      access_id: 'nobody',
      log: { events: 0, bytes: 0, oldest: null, newest: null, trimmed: 0 },
      connections: [],
      drops: 0,
    });
  });

  test('tells of a user what its log holds and where each of its connections stands', async () => {
    const before = Date.now();
    await drop(running.url, USER);
    const resumable = await connect(USER);
    await connect(USER, { timestamp: 0 });
    await pushed(running.url, [event(USER, 1, 'a'), event(USER, 2, 'b')]);
    const ids = (await resumable.untilEvents(2)).map(({ id }) => id);
    const { log, connections, drops } = await explain(USER);
    expect(log).toEqual({ events: 2, bytes: expect.any(Number), oldest: ids[0], newest: ids[1], trimmed: 0 });
    expect(drops).toBe(1);
    expect(connections.map(({ form }) => form)).toEqual(['resumable', 'plain']);
    for (const connection of connections) {
      expect(connection).toEqual({
        node: expect.any(String),
        since: expect.any(Number),
        address: '127.0.0.1',
        form: expect.any(String),
        position: ids[1],
        behind: 0,
        last_sign_of_life: expect.any(Number),
      });
      expect(connection['since']).toBeGreaterThanOrEqual(before);
      expect(connection['last_sign_of_life']).toBeLessThanOrEqual(Date.now());
    }
  });

  test('tells how far a connection that does not read is behind, as far as the log can still give it', async () => {
    const slow = await connect(USER);
    slow.pause();
    const reading = await connect(USER);
    const events = Array.from({ length: 15 }, (_, i) => event(USER, i, 'x'.repeat(60_000)));
    const seen = new Set<string>();
    for (let i = 1; seen.size < 3; i++) {
      await pushed(running.url, events);
      await reading.untilEvents(i * events.length);
      const { log, connections } = await explain(USER);
      const missing = numberOf(log['newest']) - numberOf(connections[0]!['position']);
      const held = log['events'] as number;
      expect(connections.map(({ behind }) => behind)).toEqual([Math.min(missing, held), 0]);
      seen.add(missing === 0 ? 'at the head' : missing <= held ? 'behind' : 'behind what is trimmed');
    }
    // It reads nothing, not even that the server is gone.
    slow.ws.terminate();
  }, 60_000);
});
