import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { builtEntry } from './support/build.js';
import { event, get, push, pushed } from './support/http.js';
import { RawSocket } from './support/raw-socket.js';
import { RawWebSocket } from './support/raw-websocket.js';
import { SlowReader } from './support/slow-reader.js';
import { SocketClient } from './support/socket-client.js';
import { startServer, type ServerProcess } from './support/start-server.js';
import { STORES, TestStore } from './support/test-store.js';
import { eventually } from './support/wait.js';
import { isReady } from './support/ready.js';

const USER = 'client1';
const SILENT_SOCKETS = 1000;
const GRACE_S = 4;

let server: ServerProcess;
let store: TestStore;

async function start(name: (typeof STORES)[number], environment: Record<string, string> = {}) {
  store = new TestStore(name);
  server = await startServer({ ...store.environment, NOTIFIER_LOG_LEVEL: 'silent', ...environment });
  return server.url;
}

// Building takes longer than a test may.
beforeAll(async () => {
  await builtEntry();
}, 120_000);

afterEach(async () => {
  await server.kill();
  store.remove();
});

describe.each(STORES)('a server with the %s store that is asked to go', (name) => {
  test('said where it listens in exactly one line', async () => {
    const url = await start(name);
    expect(server.stdout).toBe(`notifier listening on ${url} (store: ${name})\n`);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d+$/);
  });

  test('is unready at once, serves for the delay, and then tells everyone when to come back', async () => {
    const url = await start(name, { NOTIFIER_SHUTDOWN_DELAY: '3', NOTIFIER_SHUTDOWN_GRACE: '8' });
    const early = await SocketClient.subscribe(url, { access_id: USER, last_event_id: null });
    await early.until(({ hasReachedHead }) => hasReachedHead);
    // One that takes nothing keeps the server until its grace is over.
    const silent = await SlowReader.subscribe(url, { access_id: 'silent', timestamp: 0 });
    server.signal('SIGTERM');
    await eventually(async () => !(await isReady(url)), 'unready');
    expect((await get(url, '/health/live')).status).toBe(200);
    await pushed(url, [event(USER, 1, 'during the delay')]);
    await early.untilEvents(1);
    const late = await SocketClient.subscribe(url, { access_id: USER, timestamp: 0 });
    await late.untilEvents(1);
    const silentClient = await SocketClient.connect(url);

    for (const client of [early, late, silentClient]) {
      expect(await client.closed()).toEqual({
        code: 1012,
        reason: expect.stringMatching(/^restarting retry_after_ms=\d+$/),
      });
    }
    const refused = await push(url, [event(USER, 2, 'too late')]);
    expect(refused.status).toBe(503);
    expect(refused.headers['retry-after']).toMatch(/^\d+$/);
    const turnedAway = await SocketClient.subscribe(url, { access_id: USER, timestamp: 0 });
    expect((await turnedAway.closed()).code).toBe(1012);
    expect(turnedAway.closeReason).toMatch(/retry_after_ms=[1-9]\d*$/);
    silent.destroy();
    expect(await server.exited()).toEqual({ code: 0, signal: null });
  }, 60_000);

  test('waits for nothing where nobody is connected', async () => {
    await start(name, { NOTIFIER_SHUTDOWN_DELAY: '3600', NOTIFIER_SHUTDOWN_GRACE: '7200' });
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  });

  test('tells also those who come when the others have been told', async () => {
    const url = await start(name, { NOTIFIER_SHUTDOWN_DELAY: '0', NOTIFIER_SHUTDOWN_GRACE: '7200' });
    const silent = await SlowReader.subscribe(url, { access_id: 'silent', timestamp: 0 });
    server.signal('SIGTERM');
    await eventually(async () => (await push(url, [])).status === 503, 'pushes are refused');
    for (const path of ['/push_events', '/subscribe_to_events']) {
      const late = await RawWebSocket.open(url, path, {});
      expect(await late.closed()).toBe(1012);
      late.destroy();
    }
    silent.destroy();
    expect(await server.exited()).toEqual({ code: 0, signal: null });
  });

  test('waits no longer once the last one has gone', async () => {
    const url = await start(name, { NOTIFIER_SHUTDOWN_DELAY: '0', NOTIFIER_SHUTDOWN_GRACE: '7200' });
    const client = await SocketClient.subscribe(url, { access_id: USER, timestamp: 0 });
    await client.until(({ ws }) => ws.readyState === ws.OPEN);
    server.signal('SIGINT');
    expect((await client.closed()).code).toBe(1012);
    expect(await server.exited()).toEqual({ code: 0, signal: null });
  });

  test(`is gone within its grace and 1 s where ${SILENT_SOCKETS} sockets do not answer`, async () => {
    const url = await start(name, {
      NOTIFIER_SHUTDOWN_GRACE: String(GRACE_S),
      NOTIFIER_MAX_CONNECTIONS_PER_USER: '10000',
    });
    const silent = await silentSockets(url);
    const asked = Date.now();
    server.signal('SIGTERM');
    expect(await server.exited()).toEqual({ code: 0, signal: null });
    expect(Date.now() - asked).toBeLessThan((GRACE_S + 1) * 1000);
    for (const socket of silent) socket.destroy();
  }, 120_000);

  test('cuts who has not answered when its grace is over, and closes its store', async () => {
    const url = await start(name, { NOTIFIER_SHUTDOWN_GRACE: '1', NOTIFIER_LOG_LEVEL: 'warn' });
    await pushed(url, [event(USER, 1, 'stored')]);
    const silent = [
      await SlowReader.subscribe(url, { access_id: USER, timestamp: 0 }),
      await SlowReader.open(url, '/subscribe_to_events'),
      await SlowReader.open(url, '/push_events'),
    ];
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(server.stderr).toMatch(/the grace is over; connections that did not answer and are cut: 3/);
    // A journal is what a process leaves that could not close its store.
    expect(store.files().filter((file) => file.includes('journal'))).toEqual([]);
    for (const socket of silent) socket.destroy();
  }, 60_000);

  test('spreads the closes over its grace', async () => {
    const url = await start(name, { NOTIFIER_SHUTDOWN_GRACE: '5' });
    const clients = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        SocketClient.subscribe(url, { access_id: `user${i}`, last_event_id: null }),
      ),
    );
    for (const client of clients) await client.until(({ hasReachedHead }) => hasReachedHead);
    server.signal('SIGTERM');
    const times = await Promise.all(clients.map((client) => client.closed().then(() => Date.now())));
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(500);
    expect(clients.every(({ closeCode }) => closeCode === 1012)).toBe(true);
    expect(await server.exited()).toEqual({ code: 0, signal: null });
  }, 60_000);
});

/** Half of them have subscribed, half have said nothing yet; none takes or answers anything. */
async function silentSockets(url: string): Promise<{ destroy(): void }[]> {
  const sockets: { destroy(): void }[] = [];
  while (sockets.length < SILENT_SOCKETS) {
    const first = { access_id: USER, timestamp: 0 };
    const some = Array.from({ length: 25 }, () => SlowReader.subscribe(url, first));
    const others = Array.from({ length: 25 }, () => RawSocket.connect(url));
    sockets.push(...(await Promise.all([...some, ...others])));
  }
  await eventually(
    async () => (await get(url, '/clients')).text.includes(`${SILENT_SOCKETS / 2}`),
    'clients',
  );
  return sockets;
}
