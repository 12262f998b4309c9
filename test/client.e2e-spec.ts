import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { ClosedError, subscribe, type SubscribeOptions } from '../src/client/client.js';
import { Authenticator, NotAdmittedError, type Credentials } from '../src/notifier/authenticator.js';
import { ShutdownService } from '../src/notifier/shutdown.service.js';
import { drop, event, pushed } from './support/http.js';
import { Listener } from './support/listener.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { eventually } from './support/wait.js';

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe.each([
  ['a WebSocket', { WebSocket }],
  ['server-sent events', { WebSocket: null }],
] as const)('the client library over %s', (_, transport) => {
  let app: RunningApp;
  let proxy: TcpProxy;
  const listeners: Listener[] = [];

  const start = async (environment: Record<string, string> = {}) => {
    app = await startApp({ NOTIFIER_HEARTBEAT: '1', ...environment });
    proxy = await TcpProxy.start(app.url);
  };
  const listen = (options: SubscribeOptions) => {
    const listener = new Listener(proxy.url, { ...transport, ...options });
    listeners.push(listener);
    return listener;
  };
  const push = (...payloads: readonly number[]) =>
    pushed(
      app.url,
      payloads.map((payload) => event('user', payload, payload)),
    );

  afterEach(async () => {
    for (const { subscription } of listeners.splice(0)) subscription.close();
    proxy.close();
    await app.close();
  });

  it('gives the buffered events from `since` on, then everything live', async () => {
    await start();
    await push(1, 5, 3);
    const listener = listen({ accessId: 'user', since: 3 });
    expect(await listener.gets(2)).toEqual([5, 3]);
    await push(2);
    expect(await listener.gets(3)).toEqual([5, 3, 2]);
  });

  it('begins with the next event where nothing else is said', async () => {
    await start();
    await push(1);
    const listener = listen({ accessId: 'user' });
    await listener.isReported('open');
    await push(2);
    expect(await listener.gets(1)).toEqual([2]);
  });

  it('loses, doubles and disorders nothing when the network is cut again and again', async () => {
    await start();
    const listener = listen({ accessId: 'user', since: 0 });
    for (const n of numbers(0, 200)) {
      await push(n);
      if (n % 20 === 10) proxy.cut();
    }
    expect(await listener.gets(200)).toEqual(numbers(0, 200));
  });

  it('gets over a restart of the server', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'notifier-'));
    const lmdb = { NOTIFIER_STORE: 'lmdb', NOTIFIER_DATA_DIR: dir, NOTIFIER_HEARTBEAT: '1' };
    await start(lmdb);
    const listener = listen({ accessId: 'user', since: 0 });
    await push(...numbers(0, 10));
    await listener.gets(5);
    await app.close();
    app = await startApp(lmdb);
    await push(...numbers(10, 20));
    proxy.leadTo(app.url);
    expect(await listener.gets(20)).toEqual(numbers(0, 20));
    await rm(dir, { recursive: true });
  });

  it('notices by the missing heartbeat that the network has died without a word', async () => {
    await start();
    const listener = listen({ accessId: 'user' });
    await listener.isReported('open');
    proxy.isSilent = true;
    await push(1);
    expect(await listener.isReported('waiting')).toMatchObject({ code: 1006, reason: 'silent' });
    proxy.isSilent = false;
    expect(await listener.gets(1)).toEqual([1]);
  });

  it('stays connected while nothing happens, by the heartbeats alone', async () => {
    await start();
    const listener = listen({ accessId: 'user' });
    await listener.isReported('open');
    proxy.relayed = 0;
    // A ping and an empty array, or a comment: three heartbeats, where a watch that none of them resets ends it after 2.5.
    await eventually(() => proxy.relayed >= 6, 'three heartbeats have come');
    expect(listener.reports.map(({ status }) => status)).toEqual(['connecting', 'open']);
  });

  it('reports a gap in its place, so that the application can fetch its state anew', async () => {
    await start({ NOTIFIER_BUFFER_EVENTS: '3' });
    const listener = listen({ accessId: 'user', since: 0 });
    await push(1);
    await listener.gets(1);
    proxy.isDown = true;
    proxy.cut();
    for (const n of numbers(2, 10)) await push(n);
    proxy.isDown = false;
    expect(await listener.gets(5)).toEqual([1, 'gap', 7, 8, 9]);
  });

  it('ends with what the server said when the user is dropped', async () => {
    await start();
    const statuses: string[] = [];
    const subscription = subscribe(proxy.url, {
      accessId: 'user',
      ...transport,
      onStatus: ({ status }) => statuses.push(status),
    });
    await eventually(() => statuses.includes('open'), 'it is open');
    await push(1);
    await drop(app.url, 'user');
    const got: unknown[] = [];
    const iterating = (async () => {
      for await (const { payload } of subscription) got.push(payload);
    })();
    await expect(iterating).rejects.toEqual(new ClosedError(4503, 'dropped'));
    expect(got).toEqual([1]);
    expect(statuses.at(-1)).toBe('closed');
  });

  it('ends with what is wrong when the server refuses what it asks for', async () => {
    await start();
    const listener = listen({ accessId: 'a\n', since: 0 });
    expect(await listener.isReported('closed')).toMatchObject({
      code: 4501,
      reason: expect.stringContaining('access_id must not'),
    });
  });

  it('comes back when the server has said', async () => {
    await start({ NOTIFIER_SHUTDOWN_DELAY: '0', NOTIFIER_SHUTDOWN_GRACE: '2' });
    const listener = listen({ accessId: 'user' });
    await listener.isReported('open');
    await app.app.get(ShutdownService).run();
    const { code, reason, retryInMs } = await listener.isReported('waiting');
    expect(code).toBe(1012);
    expect(reason).toBe(`restarting retry_after_ms=${retryInMs}`);
  });

  it('goes on from the storage, with what had not been handled to the end', async () => {
    await start();
    await push(1, 2, 3);
    const storage = new Map<string, string>();
    const subscription = subscribe(proxy.url, { accessId: 'user', since: 0, storage, ...transport });
    for await (const { payload } of subscription) if (payload === 2) break;
    const listener = listen({ accessId: 'user', since: 0, storage });
    expect(await listener.gets(2)).toEqual([2, 3]);
  });

  it('ends when the signal says so', async () => {
    await start();
    await push(1);
    const abort = new AbortController();
    const { signal } = abort;
    const got: unknown[] = [];
    for await (const { payload } of subscribe(proxy.url, {
      accessId: 'user',
      since: 0,
      signal,
      ...transport,
    })) {
      got.push(payload);
      abort.abort();
    }
    expect(got).toEqual([1]);
  });

  it('an application slower than the server gets everything in order, a thousand or so at a time', async () => {
    await start({ NOTIFIER_BUFFER_EVENTS: '10000' });
    const subscription = subscribe(proxy.url, { accessId: 'user', since: 0, ...transport });
    for (const n of numbers(0, 10)) await push(...numbers(n * 300, n * 300 + 300));
    await eventually(() => subscription.status === 'waiting', 'it lets go of the connection');
    const got: unknown[] = [];
    for await (const { payload } of subscription) if (got.push(payload) === 3000) break;
    expect(got).toEqual(numbers(0, 3000));
  });
});

describe('the client library', () => {
  let app: RunningApp;
  let proxy: TcpProxy;
  const listeners: Listener[] = [];

  const listen = (options: SubscribeOptions) => {
    const listener = new Listener(proxy.url, options);
    listeners.push(listener);
    return listener;
  };
  beforeEach(async () => {
    app = await startApp({ NOTIFIER_MAX_CONNECTIONS_PER_USER: '50' }, [
      { provide: Authenticator, useClass: ExpiringTokens },
    ]);
    proxy = await TcpProxy.start(app.url);
  });
  afterEach(async () => {
    for (const { subscription } of listeners.splice(0)) subscription.close();
    proxy.close();
    await app.close();
  });

  it('falls back to server-sent events where WebSockets do not get through, and stays with them', async () => {
    proxy.refusesUpgrades = true;
    const listener = listen({ accessId: 'user', since: 0 });
    expect(await listener.isReported('open')).toMatchObject({ transport: 'sse' });
    await pushed(app.url, [event('user', 1, 1)]);
    await listener.gets(1);
    const before = listener.reports.length;
    proxy.cut();
    await listener.isReported('open', before);
    expect(new Set(listener.reports.slice(before).map(({ transport }) => transport))).toEqual(
      new Set(['sse']),
    );
    await pushed(app.url, [event('user', 2, 2)]);
    expect(await listener.gets(2)).toEqual([1, 2]);
  });

  it.each([
    ['a WebSocket', WebSocket],
    ['server-sent events', null],
  ])('fetches another token when told over %s that its own has expired', async (_, Socket) => {
    const tokens = ['expired', 'good'];
    const listener = listen({ accessId: 'user', WebSocket: Socket, token: async () => tokens.shift()! });
    await listener.isReported('open');
    expect(listener.reports).toContainEqual(expect.objectContaining({ status: 'waiting', code: 4005 }));
    expect(tokens).toEqual([]);
  });

  it('ends when the token that it was given has expired, and there is no other', async () => {
    const listener = listen({ accessId: 'user', token: 'expired' });
    expect(await listener.isReported('closed')).toMatchObject({ code: 4005 });
  });

  it.each([
    ['a WebSocket', WebSocket],
    ['server-sent events', null],
  ])('ends when its token is refused over %s', async (_, Socket) => {
    const listener = listen({ accessId: 'user', token: 'wrong', WebSocket: Socket });
    expect(await listener.isReported('closed')).toMatchObject({ code: 4500 });
  });

  it('tries again when no token can be fetched', async () => {
    let isDown = true;
    const listener = listen({
      accessId: 'user',
      token: async () => {
        if (isDown) throw new Error('no network');
        return 'good';
      },
    });
    expect(await listener.isReported('waiting')).toMatchObject({ code: 1006 });
    isDown = false;
    await listener.isReported('open');
  });

  it('fetches a new token before the old one expires', async () => {
    const now = Math.floor(Date.now() / 1000);
    const claims = Buffer.from(JSON.stringify({ iat: now, exp: now + 5 })).toString('base64url');
    let fetched = 0;
    const listener = listen({ accessId: 'user', token: () => `e30.${claims}.${fetched++}` });
    await eventually(() => fetched === 2, 'it has fetched a second token');
    expect(listener.reports.map(({ status }) => status)).toEqual(['connecting', 'open']);
  });

  it('a thousand reconnects of fifty subscribers later, each has every event once and in order', async () => {
    const all = numbers(0, 50).map(() => listen({ accessId: 'user', since: 0 }));
    let n = 0;
    const openings = () =>
      all.reduce((sum, { reports }) => sum + reports.filter(({ status }) => status === 'open').length, 0);
    while (openings() < 1050) {
      await pushed(app.url, [event('user', n, n), event('user', n, n + 1)]);
      n += 2;
      await all[0]!.gets(n);
      const before = openings();
      proxy.cut();
      await eventually(() => openings() >= before + 25, 'half of them are back');
    }
    for (const listener of all) expect(await listener.gets(n)).toEqual(numbers(0, n));
  }, 120_000);
});

/** Tells tokens by their names; one that looks like a JWT is good. */
class ExpiringTokens extends Authenticator {
  async authenticate({ token }: Credentials): Promise<number> {
    if (token === 'expired') throw new NotAdmittedError({ reason: 'token expired' });
    if (token === 'wrong') throw new NotAdmittedError({ reason: 'unauthorized' });
    return Infinity;
  }
}
