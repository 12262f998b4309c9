import { test } from '@jest/globals';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { button, connect, connectMany, open, serve, shows, useConsole } from './support/console-session.js';
import { event, push } from './support/http.js';

useConsole();

/** `npm run pictures` makes them, of a server that does something: a history takes minutes to come about. */
const HISTORY_MS = 3 * 60_000;

test('the pictures of the documents', async () => {
  const url = await serve({ NOTIFIER_BUFFER_EVENTS: '40' });
  await connectMany(url, 400);
  for (let i = 0; i < 2; i++) await connect(url, 'client1');
  let turn = 0;
  const load = setInterval(() => void push(url, someEvents(turn++)), 200);
  await new Promise((resolve) => setTimeout(resolve, HISTORY_MS));
  const wide = { width: 1440, height: 900 };
  await picture(await open(url, 'now', wide), 'now-light');
  await picture(await open(url, 'now', { ...wide, colorScheme: 'dark' }), 'now-dark');
  await picture(await open(url, 'now', { width: 360, height: 740 }), 'now-narrow');
  await picture(await open(url, 'user/client1', wide), 'user-light');
  const page = await open(url, 'try', { ...wide, colorScheme: 'dark' });
  const first = page.getByRole('region', { name: 'Demo client 1' });
  await first.getByLabel('access_id').fill('anna');
  await page.getByLabel('Push to').fill('anna');
  await button(first, 'Connect').click();
  await shows(first.locator('.received'), '[]');
  await button(page, 'Push').click();
  await shows(first, '1 event');
  await button(first, 'Disconnect').click();
  await button(page, 'Push').click();
  await button(first, 'Resume').click();
  await shows(first, '2 events');
  await picture(page, 'try-dark');
  clearInterval(load);
}, 600_000);

/** A wave, and something for client1 now and then. */
function someEvents(turn: number) {
  const count = Math.round(20 + 14 * Math.sin(turn / 60) + 6 * Math.random());
  const others = Array.from({ length: count }, (_, i) =>
    event(`user${String((turn * 37 + i * 11) % 400).padStart(5, '0')}`, Date.now(), { turn }),
  );
  const text = ['shipped', 'invoice paid', 'a new message'][turn % 3];
  return turn % 25 === 0 ? [...others, event('client1', Date.now(), { order: 1000 + turn, text })] : others;
}

async function picture(page: Page, name: string): Promise<void> {
  // A plot is drawn when its figures have come.
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const path = join(import.meta.dirname, `../docs/images/console-${name}.png`);
  await page.screenshot({ path });
}
