import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { WebSocket } from 'ws';
import { builtEntry, BUILD_MS } from './support/build.js';
import { Chromium } from './support/chromium.js';
import { cleanEnvironment } from './support/command.js';
import { programsOf, writeFiles } from './support/documents.js';
import { event, get, json, pushed, send } from './support/http.js';
import { OwnServer } from './support/own-server.js';
import { PageServer } from './support/page-server.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';

const run = promisify(execFile);

/** Where an application would have the packages: React's are found beside, the notifier's is this one. */
let folder: string;

beforeAll(async () => {
  await builtEntry();
  folder = await mkdtemp(join(resolve('node_modules'), '.recipes-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(resolve('.'), join(folder, 'node_modules/notifier'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module", "name": "app" }');
  await writeFiles(folder, await programsOf('docs/recipes.md'));
}, BUILD_MS);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the connectors of docs/recipes.md', () => {
  const KEY = '0123456789abcdef';
  let app: RunningApp;
  /** A proxy before the server, whose answers can get lost. */
  let front: OwnServer;
  let isFirst = true;

  beforeAll(async () => {
    app = await startApp({ NOTIFIER_API_KEYS: `back-end:${KEY}:push+read` });
    front = await OwnServer.listen();
    front.answer = (response, { path, method, headers, body }) => {
      void send(app.url, path, { method, headers, body }).then(({ status, text }) => {
        if (isFirst) response.writeHead(503, { 'Retry-After': '1' }).end();
        else response.writeHead(status).end(text);
        isFirst = false;
      });
    };
  });
  afterAll(async () => {
    front.close();
    await app.close();
  });
  afterEach(() => {
    isFirst = true;
    front.asked.length = 0;
  });

  const env = {
    ...cleanEnvironment(),
    PATH: `${process.env['PATH']}:/usr/local/go/bin`,
    EVENTS_KEY: KEY,
    NO_PROXY: '*',
    no_proxy: '*',
  };

  function connector(command: string, program: string, ...args: string[]) {
    return connectorTo(front.url, command, program, ...args);
  }

  function connectorTo(url: string | undefined, command: string, program: string, ...args: string[]) {
    const [file, ...first] = command.split(' ');
    const environment = url === undefined ? env : { ...env, EVENTS_URL: url };
    return run(file!, [...first, program, ...args], { cwd: folder, env: environment });
  }

  async function eventsOf(accessId: string): Promise<number> {
    const explained = json(
      await get(app.url, `/clients?access_id=${accessId}`, { Authorization: `Bearer ${KEY}` }),
    );
    return (explained as { log: { events: number } }).log.events;
  }

  describe.each([
    ['node', 'push.mjs'],
    ['python3', 'push.py'],
    ['php', 'push.php'],
    ['go run', 'push.go'],
  ])('%s %s', (command, program) => {
    it('repeats a push whose answer was lost under one key, so that it is stored once', async () => {
      const user = program.replace('.', '-');
      await connector(command, program, user, 'hello');
      expect(await eventsOf(user)).toBe(1);
      const keys = front.asked.map(({ headers }) => headers['idempotency-key']);
      expect(keys).toEqual([keys[0], keys[0]]);
      expect(keys[0]).toMatch(/^[0-9a-f-]{32,36}$/);
      expect(new Set(front.asked.map(({ body }) => body)).size).toBe(1);
    }, 300_000);

    it('does not repeat what is wrong, and says what it is', async () => {
      isFirst = false;
      const ended = connector(command, program, 'x'.repeat(257), 'hello');
      await expect(ended).rejects.toMatchObject({ stderr: expect.stringContaining('accessid') });
      expect(front.asked).toHaveLength(1);
    }, 120_000);

    it('fails at once where EVENTS_URL is no URL of a server', async () => {
      for (const url of [undefined, 'localhost:8080', 'http://']) {
        await expect(connectorTo(url, command, program, 'client1', 'hello')).rejects.toMatchObject({
          stderr: expect.stringContaining('EVENTS_URL must be the URL of the server'),
        });
      }
    }, 120_000);

    it('names in the end what kept the last attempt from being taken', async () => {
      const { answer } = front;
      front.answer = (response) => response.writeHead(503, { 'Retry-After': '0' }).end('down for now');
      await expect(connector(command, program, 'client1', 'hello')).rejects.toMatchObject({
        stderr: expect.stringContaining('the push was not taken: 503 down for now'),
      });
      expect(front.asked).toHaveLength(8);
      front.answer = answer;
    }, 120_000);
  });
});

describe('the React hook of docs/recipes.md', () => {
  const PAGE = `
    import { createElement, StrictMode } from 'react';
    import { createRoot } from 'react-dom/client';
    import { Inbox } from './inbox.js';
    const root = createRoot(document.querySelector('#root'));
    window.show = (accessId) =>
      root.render(accessId && createElement(StrictMode, null, createElement(Inbox, { url: window.server, accessId })));
  `;
  let chromium: Chromium;
  let pages: PageServer;
  let app: RunningApp;

  beforeAll(async () => {
    await writeFile(join(folder, 'page.js'), PAGE);
    const esbuild = resolve('node_modules/esbuild/bin/esbuild');
    const flags = [
      '--bundle',
      '--format=iife',
      '--jsx=automatic',
      '--define:process.env.NODE_ENV="development"',
    ];
    await run(esbuild, ['page.js', ...flags, '--outfile=bundle.js'], { cwd: folder });
    const html = '<!doctype html><div id="root"></div><script src="/bundle.js"></script>';
    pages = await PageServer.start(async (path) =>
      path === '/' ? html : path === '/bundle.js' ? readFile(join(folder, 'bundle.js'), 'utf8') : undefined,
    );
    app = await startApp({ NOTIFIER_ALLOWED_ORIGINS: pages.origin });
    chromium = await Chromium.launch();
  }, 120_000);
  afterAll(async () => {
    await chromium?.close();
    await app?.close();
    pages?.close();
  });

  it('has types that fit those of React and of the client library', async () => {
    const options = `{ "module": "nodenext", "target": "es2022", "lib": ["es2022", "dom", "dom.iterable"], "types": [],
      "jsx": "react-jsx", "strict": true, "exactOptionalPropertyTypes": true, "noEmit": true, "skipLibCheck": true, "rootDir": "/" }`;
    const text = `{ "compilerOptions": ${options}, "files": ["use-events.ts", "inbox.tsx"] }`;
    await writeFile(join(folder, 'tsconfig.json'), text);
    const tsc = run(process.execPath, [resolve('node_modules/typescript/bin/tsc'), '-p', folder]);
    expect(await tsc.catch(({ stdout }: { stdout: string }) => ({ stdout }))).toMatchObject({ stdout: '' });
  }, 120_000);

  it('shows what was missed and what comes, with one connection that goes with the component', async () => {
    await pushed(app.url, [event('client1', 1, 'before')]);
    const tab = await chromium.open(pages.origin);
    await tab.until(`window.show`);
    await tab.evaluate(`window.server = ${JSON.stringify(app.url)}; window.show('client1')`);
    await tab.until(`document.querySelector('#status')?.textContent === 'open'`);
    await pushed(app.url, [event('client1', 2, 'hello'), event('client2', 2, 'for client2')]);
    await tab.until(`document.querySelectorAll('li').length === 2`);
    expect(await tab.evaluate(`document.querySelector('ul').innerText`)).toBe('before\nhello');
    await eventually(async () => (await connected()) === '[{"access_id":"client1","connections":1}]', 'one');
    await tab.evaluate(`window.show('client2')`);
    await tab.until(`document.querySelector('ul').innerText === 'for client2'`);
    await eventually(
      async () => (await connected()) === '[{"access_id":"client2","connections":1}]',
      'the other',
    );
    await tab.evaluate(`window.show(null)`);
    await eventually(async () => (await connected()) === '[]', 'nobody');
  }, 60_000);

  const connected = async () =>
    JSON.stringify((json(await get(app.url, '/clients')) as { clients: object[] }).clients);
});

describe('migrating from polling, docs/recipes.md', () => {
  interface Follow {
    readonly follow: (
      eventsUrl: string,
      notifierUrl: string,
      accessId: string,
      apply: (event: { id: number }) => void,
      platform: object,
    ) => Promise<{ close(): void }>;
  }

  it('loads what was there, then is told what comes, and loads anew where events are gone', async () => {
    const app = await startApp({ NOTIFIER_BUFFER_EVENTS: '2' });
    const table = [{ id: 1, created_at: 10 }];
    const old = await OwnServer.listen();
    old.answer = (response) => response.end(JSON.stringify(table));
    const insert = async (id: number) => {
      table.push({ id, created_at: id * 10 });
      await pushed(app.url, [event('client1', id * 10, table.at(-1))]);
    };
    const { follow } = (await import(join(folder, 'follow.mjs'))) as Follow;
    const applied = new Set<number>();
    const apply = ({ id }: { id: number }) => void applied.add(id);
    const subscription = await follow(old.url, app.url, 'client1', apply, { WebSocket });
    expect([...applied]).toEqual([1]);
    await insert(2);
    await eventually(() => applied.has(2), 'the second');
    expect(old.asked).toHaveLength(1);
    expect(old.asked[0]!.path).toBe('/events?user=client1&since=0');
    subscription.close();

    // Another page, which loaded before the third to fifth came: the log holds two of them.
    old.answer = (response) => {
      const before = JSON.stringify(table);
      void (async () => {
        old.answer = (again) => again.end(JSON.stringify(table));
        for (const id of [3, 4, 5]) await insert(id);
        response.end(before);
      })();
    };
    const late = new Set<number>();
    const applyLate = ({ id }: { id: number }) => void late.add(id);
    const second = await follow(old.url, app.url, 'client1', applyLate, { WebSocket });
    await eventually(() => late.size === 5, 'all five');
    expect(old.asked.at(-1)!.path).toBe('/events?user=client1&since=20');
    second.close();
    old.close();
    await app.close();
  });
});
