import { afterAll, afterEach, beforeAll, expect } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';
import { BUILD_MS, builtEntry } from './build.js';
import { LAUNCH_MS } from './chromium.js';
import { ConsoleBrowser, type Look } from './console-browser.js';
import { SocketClient } from './socket-client.js';
import { startServer, type ServerProcess } from './start-server.js';
import { eventually } from './wait.js';

/** A busy machine draws slowly. */
const PATIENCE_MS = 20_000;

let browser: ConsoleBrowser;
/** Of the test that runs; they end with it. */
export const servers: ServerProcess[] = [];
const clients: SocketClient[] = [];
export const pages: Page[] = [];

/** For a file of tests with real servers, real clients and pages in a real browser, none of which may do what a page must not. */
export function useConsole(): void {
  beforeAll(async () => {
    await builtEntry();
    browser = await ConsoleBrowser.launch();
  }, BUILD_MS + LAUNCH_MS);

  afterAll(() => browser?.close());

  afterEach(async () => {
    await Promise.all(pages.splice(0).map((page) => page.context().close()));
    await Promise.all(clients.splice(0).map((client) => client.terminate()));
    await Promise.all(servers.splice(0).map((server) => server.kill()));
    expect(browser.faults.splice(0)).toEqual([]);
  });
}

export async function serve(environment: Record<string, string> = {}): Promise<string> {
  const server = await startServer(environment);
  servers.push(server);
  return server.url;
}

export async function open(url: string, view?: string, look?: Look): Promise<Page> {
  const page = await browser.open(url, view, look);
  page.setDefaultTimeout(PATIENCE_MS);
  pages.push(page);
  return page;
}

export async function connect(url: string, accessId: string): Promise<SocketClient> {
  const client = await SocketClient.subscribe(url, {
    access_id: accessId,
    last_event_id: null,
    timestamp: 0,
  });
  clients.push(client);
  await client.until(({ hasReachedHead }) => hasReachedHead);
  return client;
}

export const shows = (locator: Locator, text: string | RegExp) =>
  locator.filter({ hasText: text }).first().waitFor({ state: 'visible' });
export const keyOf = (page: Page) => page.getByRole('textbox', { name: 'API key' });
export const button = (within: Page | Locator, name: string) =>
  within.getByRole('button', { name, exact: true });
export const panel = (page: Page, name: string) => page.getByRole('region', { name, exact: true });
export const titleIs = (page: Page, title: RegExp) =>
  eventually(async () => title.test(await page.title()), `the title is ${title.source}`);

/** That many users, each with one connection: user00000, user00001, … */
export async function connectMany(url: string, count: number): Promise<void> {
  const ids = Array.from({ length: count }, (_, i) => `user${String(i).padStart(5, '0')}`);
  while (ids.length > 0) {
    const some = ids
      .splice(0, 250)
      .map((id) =>
        SocketClient.subscribe(url, { access_id: id, timestamp: 0 }, { perMessageDeflate: false }),
      );
    clients.push(...(await Promise.all(some)));
  }
}
