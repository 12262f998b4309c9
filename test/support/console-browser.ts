import axe from 'axe-core';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { Chromium } from './chromium.js';

export interface Look {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
}

/** Chromium as a person uses it, and whatever its pages should not do. */
export class ConsoleBrowser {
  /** Errors in pages, violations of their policy, requests to other servers. */
  readonly faults: string[] = [];

  private constructor(
    private readonly process: Chromium,
    private readonly browser: Browser,
  ) {}

  static async launch(): Promise<ConsoleBrowser> {
    const process = await Chromium.launch();
    return new ConsoleBrowser(process, await chromium.connectOverCDP(process.endpoint));
  }

  /** Opens a page of the server at `url` in a browser that has seen nothing yet. */
  async open(url: string, view = 'now', look: Look = {}): Promise<Page> {
    const { width = 1280, height = 900, colorScheme = 'light' } = look;
    const context = await this.browser.newContext({ viewport: { width, height }, colorScheme });
    const page = await context.newPage();
    this.listen(context, page, new URL(url).host);
    await page.goto(`${url}/console#/${view}`);
    return page;
  }

  private listen(context: BrowserContext, page: Page, host: string): void {
    page.on('pageerror', (error) => this.faults.push(error.message));
    page.on('console', (message) => {
      // That the server is gone for a while, or refuses a key, is what some tests are about.
      const isOfNetwork = /Failed to load resource|WebSocket connection to/.test(message.text());
      if (message.type() === 'error' && !isOfNetwork) this.faults.push(message.text());
    });
    context.on('request', (request) => {
      if (new URL(request.url()).host !== host) this.faults.push(`a request to ${request.url()}`);
    });
    page.on('websocket', (socket) => {
      if (new URL(socket.url()).host !== host) this.faults.push(`a WebSocket to ${socket.url()}`);
    });
  }

  async close(): Promise<void> {
    await this.browser.close();
    await this.process.close();
  }
}

/** What a screen reader or a small screen would stumble over. */
export async function obstaclesOf(page: Page): Promise<string[]> {
  const { violations } = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>(
    `${axe.source}; axe.run()`,
  );
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join()}`);
  const excess = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth');
  return excess > 0 ? [...found, `${excess} px wider than the window`] : found;
}
