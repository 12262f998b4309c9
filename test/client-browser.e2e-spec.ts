import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ShutdownService } from '../src/notifier/shutdown.service.js';
import { Chromium, LAUNCH_MS, type Tab } from './support/chromium.js';
import { clientBundle } from './support/client-bundle.js';
import { event, get, json, pushed } from './support/http.js';
import { PageServer } from './support/page-server.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { TcpProxy } from './support/tcp-proxy.js';
import { eventually } from './support/wait.js';

const PAGE = `<!doctype html><script type="module">
  import { subscribe } from '/client.js';
  Object.assign(window, { got: [], reports: [] });
  const { server, token } = Object.fromEntries(new URLSearchParams(location.search));
  subscribe(
    server,
    {
      accessId: 'user',
      since: 0,
      storage: sessionStorage,
      ...(token && { token: async () => token }),
      onStatus: (report) => reports.push(report),
      onGap: () => got.push('gap'),
    },
    ({ payload }) => got.push(payload),
  );
</script>`;

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** What the page in that tab got, once it has got as much. */
async function gets(tab: Tab, count: number): Promise<unknown[]> {
  await tab.until(`window.got?.length >= ${count}`);
  return tab.evaluate('got');
}

function isOpen(tab: Tab): Promise<void> {
  return tab.until(`window.reports?.at(-1)?.status === 'open'`);
}

describe('the client library in Chromium', () => {
  let chromium: Chromium;
  let pages: PageServer;
  let dir: string;
  let app: RunningApp;
  let proxy: TcpProxy;
  let tab: Tab;

  /** With the default heartbeat: 75 seconds would pass until a silent connection is given up, which is longer than these tests wait. */
  const startServer = (environment: Record<string, string> = {}) =>
    startApp({
      NOTIFIER_STORE: 'lmdb',
      NOTIFIER_DATA_DIR: dir,
      NOTIFIER_ALLOWED_ORIGINS: pages.origin,
      ...environment,
    });
  const push = (...payloads: readonly number[]) =>
    pushed(
      app.url,
      payloads.map((payload) => event('user', payload, payload)),
    );
  const open = (query: Record<string, string> = {}) =>
    chromium.open(`${pages.origin}/?${new URLSearchParams({ server: proxy.url, ...query }).toString()}`);
  const restart = async (environment: Record<string, string> = {}) => {
    await app.close();
    app = await startServer(environment);
    proxy.leadTo(app.url);
  };

  beforeAll(async () => {
    const bundle = await clientBundle();
    pages = await PageServer.start(async (path) => (path === '/client.js' ? bundle : PAGE));
    chromium = await Chromium.launch();
  }, LAUNCH_MS);
  afterAll(async () => {
    await chromium.close();
    pages.close();
  });
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'notifier-'));
    app = await startServer();
    proxy = await TcpProxy.start(app.url);
  });
  afterEach(async () => {
    await tab.close();
    proxy.close();
    await app.close();
    await rm(dir, { recursive: true });
  });

  it('gets what is buffered, then everything live', async () => {
    await push(1, 2);
    tab = await open();
    expect(await gets(tab, 2)).toEqual([1, 2]);
    await push(3);
    expect(await gets(tab, 3)).toEqual([1, 2, 3]);
  });

  it('goes on after a reload of the page, from what it had handled', async () => {
    await push(1, 2);
    tab = await open();
    await gets(tab, 2);
    await push(3);
    await gets(tab, 3);
    await tab.evaluate('void location.reload()');
    await tab.until('window.got?.length === 0');
    await push(4);
    expect(await gets(tab, 1)).toEqual([4]);
  });

  it('gets over a restart of the server', async () => {
    tab = await open();
    await isOpen(tab);
    await push(...numbers(0, 10));
    await restart();
    await push(...numbers(10, 20));
    expect(await gets(tab, 20)).toEqual(numbers(0, 20));
  });

  it('loses, doubles and disorders nothing when the network is cut again and again', async () => {
    tab = await open();
    for (const n of numbers(0, 200)) {
      await push(n);
      if (n % 20 === 10) proxy.cut();
    }
    expect(await gets(tab, 200)).toEqual(numbers(0, 200));
  });

  it('comes back at once when the network does, though the old connection never said that it had died', async () => {
    tab = await open();
    await isOpen(tab);
    await tab.setOffline(true);
    proxy.isSilent = true;
    await push(1);
    await tab.until('!navigator.onLine');
    proxy.isSilent = false;
    await tab.setOffline(false);
    expect(await gets(tab, 1)).toEqual([1]);
  });

  it('a hidden tab gets everything, and does not wait any longer once somebody looks at it', async () => {
    await restart({ NOTIFIER_SHUTDOWN_DELAY: '0', NOTIFIER_SHUTDOWN_GRACE: '600' });
    tab = await open();
    await isOpen(tab);
    const other = await chromium.open('about:blank');
    await tab.until(`document.visibilityState === 'hidden'`);
    await push(1);
    expect(await gets(tab, 1)).toEqual([1]);

    const leaving = app.app.get(ShutdownService).run();
    await tab.until(`reports.at(-1).status === 'waiting' && reports.at(-1).retryInMs > 60_000`);
    const next = await startApp({ NOTIFIER_ALLOWED_ORIGINS: pages.origin });
    proxy.leadTo(next.url);
    const before = await tab.evaluate<number>('reports.length');
    await tab.show();
    await tab.until(`reports.slice(${before}).some(({ status }) => status === 'open')`);
    await other.close();
    await next.close();
    await leaving;
  });

  it('a frozen tab catches up when it thaws, whatever has happened to its connection', async () => {
    tab = await open();
    await push(0);
    await gets(tab, 1);
    const other = await chromium.open('about:blank');
    await tab.until(`document.visibilityState === 'hidden'`);
    await tab.freeze();
    await push(...numbers(1, 10));
    proxy.cut();
    await push(...numbers(10, 20));
    await eventually(async () => (await connections()) === 0, 'the server knows no connection');
    await tab.thaw();
    await tab.show();
    expect(await gets(tab, 20)).toEqual(numbers(0, 20));
    await other.close();
  });

  it.each([{}, { token: 'any' }])(
    'falls back to server-sent events from another origin, with %j',
    async (query) => {
      proxy.refusesUpgrades = true;
      await push(1);
      tab = await open(query);
      expect(await gets(tab, 1)).toEqual([1]);
      await isOpen(tab);
      expect(await tab.evaluate('reports.at(-1).transport')).toBe('sse');
      await push(2);
      proxy.cut();
      await push(3);
      expect(await gets(tab, 3)).toEqual([1, 2, 3]);
    },
  );

  it('two tabs are two subscriptions, each with a position of its own', async () => {
    tab = await open();
    await push(1);
    await gets(tab, 1);
    const second = await open();
    expect(await gets(second, 1)).toEqual([1]);
    await push(2);
    expect(await gets(tab, 2)).toEqual([1, 2]);
    expect(await gets(second, 2)).toEqual([1, 2]);
    await second.close();
  });

  const connections = async () =>
    (json(await get(app.url, '/clients?access_id=user')) as { connections: object[] }).connections.length;
});
