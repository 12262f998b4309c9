import { execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { drop, event, get, push, type Answer } from './support/http.js';
import { SocketClient } from './support/socket-client.js';
import { spawnServer, startServer, type ServerProcess } from './support/start-server.js';
import { eventually } from './support/wait.js';
import { isReady } from './support/ready.js';

/** prlimit(1) is Linux's. A limit on the size of files makes every write beyond it fail: EFBIG, as a full disk does with ENOSPC. */
const onLinux = process.platform === 'linux' ? test : test.skip;

/** Nothing can be written but the first two pages of a file: as if its file system had failed. */
const NO_ROOM = 8192;

const TIMEOUT_MS = 120_000;

let dir: string;
let server: ServerProcess | undefined;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'notifier-full-'));
});

afterEach(async () => {
  await server?.kill();
  await rm(dir, { recursive: true, force: true });
});

function environment(sync: string): Record<string, string> {
  return { NOTIFIER_STORE: 'lmdb', NOTIFIER_DATA_DIR: dir, NOTIFIER_SYNC: sync };
}

function limitFiles({ pid }: ServerProcess, bytes: number | 'unlimited'): void {
  execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`]);
}

/** One push to two users; its payloads say which it was. */
function pushTwo(url: string, number: number, size = 20_000): Promise<Answer> {
  return push(url, [
    event('a', number, number),
    event('b', number, 'x'.repeat(size)),
    event('a', number, -number),
  ]);
}

async function payloadsOfA(url: string): Promise<unknown[]> {
  const client = await SocketClient.subscribe(url, { access_id: 'a', timestamp: 0, last_event_id: null });
  await client.until(({ hasReachedHead }) => hasReachedHead);
  await client.terminate();
  return client.payloads();
}

onLinux.each(['full', 'process'])(
  'while the disk takes nothing (sync %s), pushes and drops are answered 503 and reads go on; then all goes on',
  async (sync) => {
    server = await startServer(environment(sync));
    const { url } = server;
    const live = await SocketClient.subscribe(url, { access_id: 'a', timestamp: 0 });
    for (let i = 1; i <= 5; i++) expect((await pushTwo(url, i)).text).toBe('true');
    limitFiles(server, NO_ROOM);
    for (let i = 6; i <= 20; i++) {
      const refused = await pushTwo(url, i);
      expect(refused.status).toBe(503);
      expect(refused.headers['retry-after']).toMatch(/^\d+$/);
    }
    expect((await drop(url, 'a')).status).toBe(503);
    expect(await isReady(url)).toBe(false);
    expect((await get(url, '/health/live')).status).toBe(200);
    const held = [1, -1, 2, -2, 3, -3, 4, -4, 5, -5];
    expect(await payloadsOfA(url)).toEqual(held);
    limitFiles(server, 'unlimited');
    await eventually(() => isReady(url), 'the server to be ready again');
    expect((await pushTwo(url, 21)).text).toBe('true');
    await live.untilEvents(12);
    expect(live.payloads()).toEqual([...held, 21, -21]);
    expect(live.closeCode).toBeUndefined();
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    server = await startServer(environment(sync));
    expect(await payloadsOfA(server.url)).toEqual([...held, 21, -21]);
  },
  TIMEOUT_MS,
);

onLinux.each(['full', 'process'])(
  'a disk that fills up under concurrent pushes (sync %s) keeps what was answered and nothing else, whole, over a kill',
  async (sync) => {
    // More pushes than the tree and both journals have room for, and none of them trimmed.
    const large = 60_000;
    const all = { ...environment(sync), NOTIFIER_BUFFER_BYTES: '67108864' };
    server = await spawnServer(all, 5 * 1024);
    await server.listening();
    const { url } = server;
    const answers = await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        pushTwo(url, i + 1, large).then(({ status }) => ({ status, i: i + 1 })),
      ),
    );
    for (let i = 301; i <= 340; i++) answers.push({ status: (await pushTwo(url, i, large)).status, i });
    const stored = answers.filter(({ status }) => status === 200).map(({ i }) => i);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 503]));
    await server.kill();
    server = await startServer(all);
    const payloads = (await payloadsOfA(server.url)) as number[];
    expect(new Set(payloads.filter((number) => number > 0))).toEqual(new Set(stored));
    // Both events of a push, one behind the other.
    payloads.forEach((number, i) => expect(payloads[i + 1] === -number || number < 0).toBe(true));
    expect((await pushTwo(server.url, 1000)).text).toBe('true');
  },
  TIMEOUT_MS,
);

onLinux.each(['full', 'process'])(
  'a server that starts on a full disk (sync %s) says so, ends, and leaves the file as it is',
  async (sync) => {
    server = await startServer(environment(sync));
    expect((await pushTwo(server.url, 1)).text).toBe('true');
    await server.kill();
    const files = await readdir(dir);
    const full = await spawnServer(environment(sync), NO_ROOM / 1024);
    expect((await full.exited()).code).toBe(1);
    expect(full.stderr).toMatch(/notifier: \S+notifier\.mdb cannot be opened: /);
    expect(await readdir(dir)).toEqual(files);
    server = await startServer(environment(sync));
    expect(await payloadsOfA(server.url)).toEqual([1, -1]);
  },
  TIMEOUT_MS,
);
