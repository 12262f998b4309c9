import { afterEach, describe, expect, test } from '@jest/globals';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PageFiles } from '../src/console/page-files.js';
import { event, get, json, pushed } from './support/http.js';
import { RedisProcess } from './support/redis-server.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { STORES, TestStore } from './support/test-store.js';
import { eventually } from './support/wait.js';
import { untilReady } from './support/ready.js';

interface Figures {
  readonly store: string;
  readonly subscribers: string;
  readonly figures: readonly string[];
  readonly nodes: readonly {
    readonly node: string;
    readonly started_at: number | null;
    readonly samples: readonly (readonly (number | null)[])[] | null;
  }[];
}

interface Log {
  readonly oldest: number;
  readonly newest: number;
  readonly payloads: boolean;
  readonly events: readonly {
    readonly id: string;
    readonly number: number;
    readonly created_at: number;
    readonly bytes: number;
    readonly payload?: string;
  }[];
}

const KEYS = { NOTIFIER_API_KEYS: 'reader:0123456789abcdef:read,pusher:fedcba9876543210:push' };
const READER = { Authorization: 'Bearer 0123456789abcdef' };
const PUSHER = { Authorization: 'Bearer fedcba9876543210' };
const SECRET = { NOTIFIER_JWT_SECRET: 'a-secret-of-at-least-32-characters' };

let opened: { close(): Promise<void> | void }[] = [];

afterEach(async () => {
  for (const one of opened.toReversed()) await one.close();
  opened = [];
});

async function start(...given: Parameters<typeof startApp>): Promise<RunningApp> {
  const running = await startApp(...given);
  opened.push(running);
  return running;
}

const numbersOf = ({ events }: Log) => events.map(({ number }) => number);

describe('GET /console', () => {
  async function folderWithPage(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'notifier-page-'));
    opened.push({ close: () => rm(folder, { recursive: true }) });
    await mkdir(join(folder, 'assets'));
    await writeFile(join(folder, 'index.html'), '<!doctype html>');
    await writeFile(join(folder, 'assets/a.js'), 'export {};');
    await writeFile(join(folder, 'assets/a.map'), '{}');
    return folder;
  }

  const startWith = (folder: string) =>
    start({}, [{ provide: PageFiles, useValue: PageFiles.built(folder) }]);

  test('is the page, under a policy that lets nothing in but what this server serves', async () => {
    const { url } = await startWith(await folderWithPage());
    const page = await get(url, '/console');
    expect(page.status).toBe(200);
    expect(page.text).toBe('<!doctype html>');
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(String(page.headers['content-security-policy']).split('; ').toSorted()).toEqual([
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      "font-src 'self'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "img-src 'self'",
      "script-src 'self'",
      "style-src 'self'",
    ]);
    expect(page.headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' });
  });

  test('has its files beside it, for ever, and no others', async () => {
    const { url } = await startWith(await folderWithPage());
    const file = await get(url, '/console/assets/a.js');
    expect(file.text).toBe('export {};');
    expect(file.headers['content-type']).toBe('text/javascript; charset=utf-8');
    expect(file.headers['cache-control']).toContain('immutable');
    for (const path of ['a.map', 'b.js', '..%2findex.html', '%2e%2e/%2e%2e/package.json']) {
      expect((await get(url, `/console/assets/${path}`)).status).toBe(404);
    }
  });

  test('with a slash at its end leads to the one without', async () => {
    const { url } = await startWith(await folderWithPage());
    const { status, headers } = await get(url, '/console/');
    expect([status, headers.location]).toEqual([308, '../console']);
  });

  test('says what to do where the page was not built', async () => {
    const { url } = await startWith(join(tmpdir(), 'no-such-folder'));
    const answer = await get(url, '/console');
    expect(answer.status).toBe(404);
    expect(json(answer)).toMatchObject({
      error: 'Not Found',
      message: expect.stringContaining('npm run build'),
    });
  });

  test('needs no key, and answers loopback only while the server is open', async () => {
    const guarded = await start(KEYS);
    expect([200, 404]).toContain((await get(guarded.url, '/console')).status);
    expect((await get(guarded.url, '/console', { Host: 'example.com' })).status).toBe(403);
  });
});

describe.each(['/console/figures', '/console/log?access_id=a'])('GET %s', (path) => {
  test('needs a key with the scope read, where there are keys', async () => {
    const { url } = await start(KEYS);
    expect((await get(url, path)).status).toBe(401);
    expect((await get(url, path, PUSHER)).status).toBe(403);
    const answer = await get(url, path, READER);
    expect(answer.status).toBe(200);
    expect(answer.headers['cache-control']).toBe('no-store');
  });
});

describe('GET /console/figures', () => {
  const figures = async (url: string, since = '0') =>
    json(await get(url, `/console/figures?since=${since}`)) as Figures;

  test('samples what was pushed and delivered, and who is connected, every second', async () => {
    const { url } = await start();
    const client = await SocketClient.subscribe(url, { access_id: 'a', last_event_id: null });
    await client.until(({ hasReachedHead }) => hasReachedHead);
    // The first event of a log is read from the log, and not timed, and so is what comes while it is read.
    for (const n of [1, 2]) {
      await pushed(url, [event('a', n, n), event('b', n, n)]);
      await client.untilEvents(n);
    }
    let sums = new Map<string, number>();
    await eventually(async () => {
      const { figures: names, nodes } = await figures(url);
      const samples = nodes[0]!.samples!;
      sums = new Map(
        names.map((name, i) => [name, samples.reduce((sum, sample) => sum + (sample[i] ?? 0), 0)]),
      );
      return sums.get('connections')! > 0 && sums.get('deliveries_per_second')! >= 2;
    }, 'samples with both deliveries');
    expect(sums.get('events_per_second')).toBeGreaterThan(sums.get('deliveries_per_second')!);
    expect(sums.get('latency_p50_ms')).toBeGreaterThan(0);
    expect(sums.get('latency_p99_ms')).toBeGreaterThanOrEqual(sums.get('latency_p50_ms')!);
    expect(sums.get('buffered_bytes')).toBeGreaterThan(0);
    await client.close();
  });

  test('leaves out what was asked for before', async () => {
    const { url } = await start();
    await eventually(async () => (await figures(url)).nodes[0]!.samples!.length > 1, 'two samples');
    const [first, second] = (await figures(url)).nodes[0]!.samples!;
    const later = (await figures(url, String(first![0]))).nodes[0]!.samples!;
    expect(later[0]).toEqual(second);
    expect(second![0]! % 1000).toBe(0);
  });

  test.each(['-1', 'x', '', '1.5', '1234567890123456'])('refuses since=%s', async (since) => {
    const { url } = await start();
    expect((await get(url, `/console/figures?since=${since}`)).status).toBe(400);
  });

  test('says where events are kept and whether subscribers prove who they are', async () => {
    const open = await start();
    expect(await figures(open.url)).toMatchObject({ store: 'memory', subscribers: 'everyone' });
    const closed = await start(SECRET);
    expect(await figures(closed.url)).toMatchObject({ subscribers: 'authenticated' });
  });

  test('has the figures of every node that shares a Redis, the asked one first', async () => {
    const redis = await RedisProcess.start();
    opened.push({ close: () => redis.remove() });
    const environment = { NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: redis.url };
    const [first, second] = [await start(environment), await start(environment)];
    for (const { url } of [first, second]) {
      await untilReady(url);
    }
    const client = await SocketClient.subscribe(second.url, { access_id: 'a', timestamp: 0 });
    let answer: Figures | undefined;
    await eventually(async () => {
      answer = await figures(first.url);
      return (
        answer.nodes.length === 2 && (answer.nodes[1]!.samples?.some((sample) => sample[1] === 1) ?? false)
      );
    }, 'the other node’s connection');
    expect(answer!.nodes[0]!.samples!.every((sample) => sample[1] === 0)).toBe(true);
    expect(answer!.nodes[0]!.node).not.toBe(answer!.nodes[1]!.node);
    await client.close();
  });
});

describe.each(STORES)('GET /console/log with the %s store', (name) => {
  const look = async (url: string, query = '') =>
    json(await get(url, `/console/log?access_id=a${query}`)) as Log;

  async function startStore(environment: Record<string, string> = {}): Promise<RunningApp> {
    const store = new TestStore(name);
    opened.push({ close: () => store.remove() });
    return start({ ...store.environment, ...environment });
  }

  test('tells of a user nobody knows that there is nothing', async () => {
    const { url } = await startStore();
    expect(await look(url)).toEqual({ access_id: 'a', oldest: 1, newest: 0, payloads: true, events: [] });
  });

  test('has the newest events in log order, and pages back to the oldest that is held', async () => {
    const { url } = await startStore({ NOTIFIER_BUFFER_EVENTS: '5' });
    await pushed(
      url,
      [1, 2, 3, 4, 5, 6, 7].map((n) => event('a', n * 10, n)),
    );
    const newest = await look(url, '&limit=2');
    expect(newest).toMatchObject({ oldest: 3, newest: 7 });
    expect(newest.events.map(({ number, created_at: at, payload }) => [number, at, payload])).toEqual([
      [6, 60, '6'],
      [7, 70, '7'],
    ]);
    expect(numbersOf(await look(url, '&limit=2&before=6'))).toEqual([4, 5]);
    expect(numbersOf(await look(url, '&limit=2&before=4'))).toEqual([3]);
    expect(numbersOf(await look(url, '&before=3'))).toEqual([]);
    expect(numbersOf(await look(url))).toEqual([3, 4, 5, 6, 7]);
  });

  test('names each event as its subscribers know it', async () => {
    const { url } = await startStore();
    await pushed(url, [event('a', 1, 'x'), event('a', 2, 'y')]);
    const client = await SocketClient.subscribe(url, { access_id: 'a', last_event_id: null, timestamp: 0 });
    await client.untilEvents(2);
    const { events } = await look(url);
    expect(events.map(({ id }) => id)).toEqual(client.ids());
    expect(events[0]!.bytes).toBe(JSON.stringify({ accessid: 'a', created_at: 1, payload: 'x' }).length);
    await client.close();
  });

  test('has the text of payloads as it was pushed, the beginning of long ones', async () => {
    const { url } = await startStore();
    await pushed(url, `[{"accessid":"a","created_at":1,"payload":{"é" : 1.0}}]`);
    await pushed(url, [event('a', 2, 'ü'.repeat(2000)), event('a', 3, 'x'.repeat(1022))]);
    const [short, long, whole] = (await look(url)).events;
    expect(short!.payload).toBe('{"é" : 1.0}');
    expect(whole!.payload).toBe(`"${'x'.repeat(1022)}"`);
    expect(long!.payload).toBe(`"${'ü'.repeat(511)}…`);
  });

  test('has 100 events unless another number is asked for, 200 at most', async () => {
    const { url } = await startStore();
    await pushed(
      url,
      Array.from({ length: 201 }, (_, i) => event('a', i, i)),
    );
    expect((await look(url)).events).toHaveLength(100);
    expect((await look(url, '&limit=200')).events).toHaveLength(200);
  });

  test('has fewer events where they are large', async () => {
    const { url } = await startStore();
    for (let i = 0; i < 12; i++) await pushed(url, [event('a', i, 'x'.repeat(200_000))]);
    const numbers = numbersOf(await look(url));
    expect(numbers.length).toBeGreaterThan(2);
    expect(numbers.length).toBeLessThan(8);
    expect(numbers.at(-1)).toBe(12);
  });

  test('does not say what events say where subscribers prove who they are', async () => {
    const { url } = await startStore(SECRET);
    await pushed(url, [event('a', 1, 'secret')]);
    const answer = await get(url, '/console/log?access_id=a');
    expect((json(answer) as Log).payloads).toBe(false);
    expect((json(answer) as Log).events).toHaveLength(1);
    expect(answer.text).not.toContain('secret');
  });

  test.each(['&limit=0', '&limit=201', '&limit=x', '&before=0', '&before=-1', '&before=1e3'])(
    'refuses %s',
    async (query) => {
      const { url } = await startStore();
      expect((await get(url, `/console/log?access_id=a${query}`)).status).toBe(400);
    },
  );

  test('refuses to guess whose', async () => {
    const { url } = await startStore();
    expect((await get(url, '/console/log')).status).toBe(400);
    expect((await get(url, '/console/log?access_id=')).status).toBe(400);
  });
});

test('GET /clients?containing= finds users by a part of their id, page by page', async () => {
  const { url } = await start();
  for (const id of ['anna', 'ben', 'hanna', 'joanna', 'Anna']) {
    await SocketClient.subscribe(url, { access_id: id, timestamp: 0 });
  }
  const find = async (query: string) => {
    const { clients, next } = json(await get(url, `/clients?${query}`)) as {
      clients: { access_id: string }[];
      next: string | null;
    };
    return [clients.map(({ access_id: id }) => id), next];
  };
  await eventually(async () => (await find('limit=10'))[0]!.length === 5, 'all five');
  expect(await find('containing=anna')).toEqual([['anna', 'hanna', 'joanna'], null]);
  expect(await find('containing=anna&limit=2')).toEqual([['anna', 'hanna'], 'hanna']);
  expect(await find('containing=anna&limit=2&after=hanna')).toEqual([['joanna'], null]);
  expect(await find('containing=nobody')).toEqual([[], null]);
  expect((await get(url, '/clients?containing=')).status).toBe(400);
});
