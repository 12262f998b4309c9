import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { builtEntry } from './support/build.js';
import { Chromium, LAUNCH_MS } from './support/chromium.js';
import { event, pushed } from './support/http.js';
import { PageServer } from './support/page-server.js';
import { startApp, type RunningApp } from './support/start-app.js';

const LIBRARY = '/node_modules/notifier/dist/client/';

describe('the example page of docs/client.md', () => {
  let chromium: Chromium;
  let pages: PageServer;
  let app: RunningApp;

  beforeAll(async () => {
    const built = join(dirname(await builtEntry()), 'client');
    const page = /```html\n(.*?)```/s.exec(await readFile('docs/client.md', 'utf8'))![1]!;
    pages = await PageServer.start(async (path) => {
      if (path === '/') return page;
      return path.startsWith(LIBRARY) ? readFile(join(built, path.slice(LIBRARY.length)), 'utf8') : undefined;
    });
    app = await startApp({ NOTIFIER_ALLOWED_ORIGINS: pages.origin });
    chromium = await Chromium.launch();
  }, LAUNCH_MS);
  afterAll(async () => {
    await chromium.close();
    await app.close();
    pages.close();
  });

  it('works as it stands, without a build', async () => {
    await pushed(app.url, [event('client1', 1, 'before')]);
    const tab = await chromium.open(`${pages.origin}/?server=${encodeURIComponent(app.url)}`);
    await tab.until(`document.querySelector('#status')?.textContent.startsWith('open (websocket)')`);
    await pushed(app.url, [event('client1', 2, 'hello')]);
    await tab.until(`document.querySelectorAll('#events li').length === 2`);
    expect(await tab.evaluate(`document.querySelector('#events').innerText`)).toBe('"before"\n"hello"');
  });
});
