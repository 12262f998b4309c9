import { describe, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { obstaclesOf } from './support/console-browser.js';
import {
  button,
  connect,
  keyOf,
  open,
  pages,
  panel,
  serve,
  servers,
  shows,
  useConsole,
} from './support/console-session.js';
import { event, pushed } from './support/http.js';
import { eventually } from './support/wait.js';

useConsole();

const hasColours = (page: Page, theme: string) =>
  eventually(
    async () => (await page.evaluate('document.documentElement.dataset.theme')) === theme,
    `the colours are ${theme}`,
  );

test('everything works with the keyboard alone', async () => {
  const url = await serve();
  await connect(url, 'a');
  const page = await open(url);
  const press = async (...keys: readonly string[]) => {
    for (const key of keys) await page.keyboard.press(key);
  };
  const isFocused = (name: string) =>
    eventually(
      async () => (await page.evaluate<string>('document.activeElement.textContent.trim()')) === name,
      name,
    );
  await shows(page.getByRole('heading'), 'Now');
  await press('Tab');
  await isFocused('Skip to the content');
  await press('Tab', 'Tab', 'Tab', 'Enter');
  await shows(page.getByRole('heading'), 'Who is connected');
  await press('Tab', 'Tab');
  await press('ArrowRight', 'ArrowRight');
  await hasColours(page, 'dark');
  await press('Tab');
  await page.keyboard.type('a');
  await page.getByRole('link', { name: 'a', exact: true }).waitFor();
  await press('Tab', 'Tab', 'Enter');
  await shows(page.getByRole('heading'), /^a$/);
  await button(page, 'Drop').focus();
  await press('Enter');
  await page.getByRole('dialog').waitFor();
  await press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await isFocused('Drop');
  await press('Shift+Tab', 'Enter', 'Tab', 'Tab');
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type('"typed"');
  await press('Tab', 'Tab', 'Enter');
  await shows(page.getByRole('status'), 'Stored');
}, 60_000);

test('colours are those of the system until others are chosen, and stay chosen', async () => {
  const page = await open(await serve(), 'now', { colorScheme: 'dark' });
  await page.getByRole('radio', { name: 'As the system' }).waitFor({ state: 'attached' });
  await hasColours(page, 'dark');
  await page.getByRole('radio', { name: 'Light' }).check({ force: true });
  await hasColours(page, 'light');
  await page.reload();
  await page.getByRole('radio', { name: 'Light' }).waitFor({ state: 'attached' });
  await hasColours(page, 'light');
  await page.getByRole('radio', { name: 'Dark' }).check({ force: true });
  await hasColours(page, 'dark');
});

async function connectDemo(page: Page): Promise<void> {
  const first = page.getByRole('region', { name: 'Demo client 1' });
  await button(first, 'Connect').click();
  await shows(first.locator('.received'), '[]');
}

describe('every view', () => {
  const LOOKS = [
    { width: 360, height: 740, colorScheme: 'light' },
    { width: 360, height: 740, colorScheme: 'dark' },
    { width: 1600, height: 900, colorScheme: 'light' },
    { width: 1600, height: 900, colorScheme: 'dark' },
  ] as const;

  test('is in nobody’s way, on small and large screens, in light and dark', async () => {
    const url = await serve();
    for (const id of ['client1', 'client1', 'x'.repeat(256)]) await connect(url, id);
    await pushed(url, [event('client1', 1, 'x'.repeat(3000)), event('x'.repeat(256), 1, { a: 'b' })]);
    for (const look of LOOKS) {
      const page = await open(url, 'now', look);
      await shows(panel(page, 'Connections').locator('.figure'), '3');
      expect([look, await obstaclesOf(page)]).toEqual([look, []]);
      for (const [view, text] of [
        ['who', 'client1'],
        ['user/client1', '#2'],
        [`user/${'x'.repeat(256)}`, 'up to date'],
        ['try', 'Add a client'],
      ] as const) {
        await page.evaluate(`void (location.hash = '#/${view}')`);
        await shows(page.locator('main'), text);
        if (view === 'try') await connectDemo(page);
        if (view.startsWith('user')) await button(page, 'Push an event').click();
        expect([view, look, await obstaclesOf(page)]).toEqual([view, look, []]);
      }
      await page.context().close();
    }
  }, 90_000);

  test('says what is wrong without being in the way', async () => {
    const url = await serve({ HOST: '127.0.0.1', NOTIFIER_API_KEYS: 'reader:reader-0123456789:read' });
    for (const look of LOOKS) {
      const page = await open(url, 'now', look);
      await keyOf(page).waitFor();
      expect([look, await obstaclesOf(page)]).toEqual([look, []]);
    }
    for (const page of pages) {
      await keyOf(page).fill('reader-0123456789');
      await button(page, 'Open').click();
      await shows(page.getByRole('heading'), 'Now');
    }
    await servers.splice(0)[0]!.kill();
    for (const page of pages) {
      await shows(page.getByRole('status'), 'No answer since');
      expect(await obstaclesOf(page)).toEqual([]);
    }
  }, 90_000);
});
