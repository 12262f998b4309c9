import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { event, pushed } from './support/http.js';
import { SocketClient } from './support/socket-client.js';
import { startServer, type ServerProcess } from './support/start-server.js';

const onLinux = process.platform === 'linux' ? test : test.skip;

/** 100 MB in all, four events a push; each event is a frame of its own. */
const EVENTS = 400;
const EVENT_BYTES = 250_000;
const PADDING = 'x'.repeat(EVENT_BYTES);
const MAX_GROWTH_KIB = 64 * 1024;

let dir: string;
let server: ServerProcess | undefined;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'notifier-slow-'));
});

afterEach(async () => {
  await server?.kill();
  await rm(dir, { recursive: true, force: true });
});

async function start(environment: Record<string, string>): Promise<ServerProcess> {
  return startServer({
    NOTIFIER_STORE: 'lmdb',
    NOTIFIER_DATA_DIR: dir,
    NOTIFIER_SYNC: 'process',
    // Whoever reads nothing for two heartbeats is taken for dead.
    NOTIFIER_HEARTBEAT: '600',
    ...environment,
  });
}

/** Pushes 100 MB to a user. @returns the most that the server's own memory grew meanwhile, in KiB; the log is in pages of its file. */
async function pushMuch(running: ServerProcess, accessId = 'a'): Promise<number> {
  const before = ownMemory(running);
  let most = before;
  for (let i = 0; i < EVENTS; i += 4) {
    await pushed(
      running.url,
      [0, 1, 2, 3].map((k) => event(accessId, i + k, `${i + k} ${PADDING}`)),
    );
    most = Math.max(most, ownMemory(running));
  }
  return most - before;
}

function ownMemory({ pid }: ServerProcess): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(/^Pss_Anon:\s+(\d+)/m.exec(rollup)![1]);
}

/** The numbers of the events that came, without parsing 100 MB again and again. */
function numbers({ texts }: SocketClient): number[] {
  return texts.flatMap((text) => [...text.matchAll(/"payload":"(\d+) /g)].map((match) => Number(match[1])));
}

function from(first: number): number[] {
  return Array.from({ length: EVENTS - first }, (_, i) => first + i);
}

async function subscribe(url: string, accessId: string, lastEventId?: string | null): Promise<SocketClient> {
  const first = { access_id: accessId, timestamp: 0 };
  const client = await SocketClient.subscribe(
    url,
    lastEventId === undefined ? first : { ...first, last_event_id: lastEventId },
  );
  await pushed(url, [event(accessId, 0, 'hello')]);
  await client.until(({ texts }) => texts.some((text) => text.includes('hello')));
  return client;
}

onLinux(
  'a reader that stops costs little memory, holds nobody up, and gets everything in order when it reads again',
  async () => {
    server = await start({ NOTIFIER_BUFFER_BYTES: '1000000000' });
    const { url } = server;
    const slow = await subscribe(url, 'a');
    const fast = await subscribe(url, 'a');
    const other = await subscribe(url, 'b');
    // What pushes of 1 MB cost the heap themselves, whoever listens.
    await pushMuch(server, 'nobody');
    slow.pause();
    expect(await pushMuch(server)).toBeLessThan(MAX_GROWTH_KIB);
    await pushed(url, [event('b', 1, 'still here')]);
    await other.until(({ texts }) => texts.at(-1)!.includes('still here'));
    await fast.until((client) => numbers(client).length === EVENTS, 60_000);
    expect(numbers(fast)).toEqual(from(0));
    slow.resume();
    await slow.until(({ texts }) => texts.at(-1)!.includes(`"payload":"${EVENTS - 1} `), 60_000);
    expect(numbers(slow)).toEqual(from(0));
    await Promise.all([slow, fast, other].map((client) => client.terminate()));
  },
  180_000,
);

onLinux(
  'a reader that stops for longer than the log is long is told so, and gets what the log still holds',
  async () => {
    server = await start({});
    const { url } = server;
    const slow = await subscribe(url, 'a', null);
    // What pushes of 1 MB cost the heap themselves, whoever listens.
    await pushMuch(server, 'nobody');
    slow.pause();
    expect(await pushMuch(server)).toBeLessThan(MAX_GROWTH_KIB);
    slow.resume();
    expect(await slow.closed()).toMatchObject({ code: 4008, reason: 'fell behind' });
    const got = numbers(slow);
    expect(got).toEqual(from(0).slice(0, got.length));
    expect(got.length).toBeLessThan(EVENTS - 16);
    const lastId = slow.ids().at(-1)!;
    const again = await SocketClient.subscribe(url, { access_id: 'a', timestamp: 0, last_event_id: lastId });
    await again.until(({ hasReachedHead }) => hasReachedHead);
    expect(again.subscribed()?.recovered).toBe(false);
    // 4 MiB of events of 250 KB.
    expect(numbers(again)).toEqual(from(EVENTS - 16));
    await again.terminate();
  },
  180_000,
);
