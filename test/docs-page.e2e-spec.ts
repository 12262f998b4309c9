import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { Chromium, LAUNCH_MS } from './support/chromium.js';
import { get } from './support/http.js';
import { startApp, type RunningApp } from './support/start-app.js';

let chromium: Chromium;
let running: RunningApp;

beforeAll(async () => {
  chromium = await Chromium.launch();
}, LAUNCH_MS);

afterAll(() => chromium.close());

beforeEach(async () => {
  running = await startApp({ NOTIFIER_API_KEYS: 'pusher:0123456789abcdef:push' });
});

afterEach(() => running.close());

test('a browser shows every operation at /docs, under the rules of the other pages', async () => {
  const tab = await chromium.open('about:blank');
  // Before any script of the page: what its rules keep from loading is reported.
  await tab.onEveryPage(
    `window.refused = []; addEventListener('securitypolicyviolation', (e) => refused.push(e.blockedURI + ' ' + e.violatedDirective));`,
  );
  await tab.go(`${running.url}/docs`);
  await tab.until(`document.querySelectorAll('.opblock').length > 0`);
  const { paths } = JSON.parse((await get(running.url, '/docs-json')).text) as {
    paths: Record<string, object>;
  };
  const count = Object.values(paths).flatMap((path) => Object.keys(path)).length;
  await tab.until(`document.querySelectorAll('.opblock').length === ${count}`);
  expect(await tab.evaluate('document.title')).toBe('notifier: HTTP interface');
  expect(await tab.evaluate('refused')).toEqual([]);
  const loaded = await tab.evaluate<string[]>(
    `performance.getEntriesByType('resource').map(({ name }) => name)`,
  );
  expect(loaded.length).toBeGreaterThan(3);
  expect(loaded.filter((url) => !url.startsWith(`${running.url}/docs`) && !url.startsWith('data:'))).toEqual(
    [],
  );
  await tab.close();
}, 60_000);

test.each(['/docs', '/docs-json', '/docs/start.js', '/docs/swagger-ui.css'])(
  '%s needs no key, and comes with the headers of the other pages',
  async (path) => {
    const { status, headers } = await get(running.url, path);
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' });
    expect(headers['content-security-policy']).toMatch(/^default-src 'self';/);
    expect(headers['content-security-policy']).not.toMatch(/script-src|unsafe-eval/);
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect((await get(running.url, path, { Host: 'rebound.example' })).status).toBe(403);
  },
);

test.each([
  '/docs/package.json',
  '/docs/swagger-ui.js',
  '/docs/..%2fpage-files.js',
  '/docs/%00',
  '/docs/__proto__',
])('nothing but the page is served below it: %s is not there', async (path) => {
  expect((await get(running.url, path)).status).toBe(404);
});

test('a slash too many leads to the page', async () => {
  const { status, headers } = await get(running.url, '/docs/');
  expect([status, headers.location]).toEqual([308, '../docs']);
});
