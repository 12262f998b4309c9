import { describe, expect, test } from '@jest/globals';
import type { Page, Route } from 'playwright-core';
import {
  button,
  connect,
  connectMany,
  keyOf,
  open,
  panel,
  serve,
  servers,
  shows,
  titleIs,
  useConsole,
} from './support/console-session.js';
import { event, get, json, pushed } from './support/http.js';
import { startServer } from './support/start-server.js';
import { SECRET, tokenFor } from './support/tokens.js';
import { eventually } from './support/wait.js';

useConsole();

test('“now” shows the figures, and a page that is opened now what has been', async () => {
  const url = await serve();
  for (const id of ['a', 'b', 'b']) await connect(url, id);
  // The first event of a log is read from the log, and not timed.
  for (const n of [1, 2]) await pushed(url, [event('a', n, n), event('b', n, n)]);
  await eventually(() => hasPushesBehindIt(url), 'a second without a push after one with some');
  const page = await open(url);
  await shows(panel(page, 'Connections').locator('.figure'), '3');
  await shows(panel(page, 'Connections'), '2 users');
  await shows(panel(page, 'Events in').locator('.figure'), '0 /s');
  await shows(panel(page, 'Events in'), /peak [^0]/);
  await panel(page, 'Deliveries out')
    .getByRole('img', { name: /now 0 \/s, lowest 0, highest [^0]/ })
    .waitFor();
  await panel(page, 'Delivery latency').getByRole('img').waitFor();
  await panel(page, 'Nodes').getByRole('cell', { name: '3', exact: true }).first().waitFor();
  await titleIs(page, /^3 connected · notifier$/);
  await connect(url, 'c');
  await shows(panel(page, 'Connections').locator('.figure'), '4');
  await page.locator('.plot .u-over').first().hover();
  await shows(page.locator('.heading'), /At \d\d:\d\d:\d\d/);
}, 60_000);

/** What a server with Redis answers whoever asks for its figures. */
function answerOfRedis(route: Route): Promise<void> {
  const figures = ['at', 'connections', 'buffered_bytes'];
  const nodes = [{ node: 'a', started_at: 0, samples: [[Date.now(), 1, null]] }];
  return route.fulfill({ json: { store: 'redis', subscribers: 'everyone', figures, nodes } });
}

test('“now” says that Redis has figures of its own where the store is Redis, and not before it knows', async () => {
  const page = await open(await serve());
  const held: Route[] = [];
  await page.route('**/console/figures*', (route) => void held.push(route));
  await page.reload();
  await shows(panel(page, 'Buffered'), 'No figures yet');
  await page.route('**/console/figures*', answerOfRedis);
  await Promise.all(held.splice(0).map(answerOfRedis));
  await shows(panel(page, 'Buffered'), 'Redis keeps the events');
}, 60_000);

async function hasPushesBehindIt(url: string): Promise<boolean> {
  const { figures, nodes } = json(await get(url, '/console/figures')) as {
    figures: string[];
    nodes: { samples: number[][] }[];
  };
  const rates = nodes[0]!.samples.map((sample) => sample[figures.indexOf('events_per_second')]!);
  return rates.at(-1) === 0 && rates.some((rate) => rate > 0);
}

/** A client that reads nothing, and events until the server cannot get rid of them. */
async function fallBehind(url: string): Promise<void> {
  const slow = await connect(url, 'user/1');
  slow.pause();
  const events = Array.from({ length: 15 }, (_, i) => event('user/1', i, 'x'.repeat(60_000)));
  await eventually(async () => {
    await pushed(url, events);
    const path = '/clients?access_id=user%2F1';
    const { connections } = json(await get(url, path)) as { connections: { behind: number }[] };
    return connections.some(({ behind }) => behind > 0);
  }, 'a connection that is behind');
}

describe('one user', () => {
  test('has a log with each connection as a mark on it, and takes a push and a drop by hand', async () => {
    const url = await serve({ NOTIFIER_BUFFER_BYTES: String(2 ** 26) });
    await fallBehind(url);
    const quick = await connect(url, 'user/1');
    for (let i = 0; i < 3; i++) await pushed(url, [event('user/1', i, { i })]);
    const page = await open(url, 'who');
    await page.getByRole('link', { name: 'user/1' }).click();
    await titleIs(page, /^user\/1 · notifier$/);
    await page.getByRole('img', { name: /2 connections, 1 of them behind/ }).waitFor();
    await shows(page.getByRole('listitem'), /#1.*\d+ events? behind/s);
    await shows(page.getByRole('listitem'), /#2.*up to date/s);

    await button(page, 'Push an event').click();
    await page.getByLabel('Payload, JSON').fill('{"no json}');
    await button(page, 'Push').click();
    await shows(page.getByRole('status'), 'must be JSON');
    await page.getByLabel('Payload, JSON').fill('{"by":"hand"}');
    // What a browser says of a number that is none is no more than its title.
    await page.getByLabel('created_at').and(page.getByTitle('A whole number')).fill('77');
    await button(page, 'Push').click();
    await shows(page.getByRole('status'), 'Stored');
    await shows(page.getByRole('listitem'), /#2.*77.*{"by":"hand"}/s);
    expect((await quick.untilEvents(1)).at(-1)).toBeDefined();

    await button(page, 'Drop').click();
    await button(page.getByRole('dialog'), 'Cancel').click();
    await button(page, 'Drop').click();
    await shows(page.getByRole('dialog'), /2 connections will close with 4503/);
    await button(page.getByRole('dialog'), 'Drop').click();
    expect((await quick.closed()).code).toBe(4503);
    await shows(page.locator('.facts'), /Drops\s*1/);
    await shows(page.locator('main'), 'Not connected. What is pushed now waits in the log.');
  }, 60_000);

  test('pages back to its oldest event', async () => {
    const url = await serve();
    await pushed(
      url,
      Array.from({ length: 150 }, (_, i) => event('a', i, i)),
    );
    const page = await open(url, 'user/a');
    const events = page.getByRole('list', { name: /Events/ }).getByRole('listitem');
    await eventually(async () => (await events.count()) === 100, '100 events');
    await button(page, 'Show older events (50 more)').click();
    await eventually(async () => (await events.count()) === 150, '150 events');
    await pushed(url, [event('a', 150, 150)]);
    await eventually(async () => (await events.count()) === 151, 'the newest event');
  }, 60_000);

  test('that nobody knows is an empty log', async () => {
    const page = await open(await serve(), 'user/nobody');
    await shows(page.locator('main'), 'Nothing was ever pushed to this user');
  });
});

describe('“try it”', () => {
  test('lets clients connect, receive, disconnect and resume, with every message in sight', async () => {
    const url = await serve();
    await pushed(url, [event('client1', 1, 'before')]);
    const page = await open(url, 'try');
    const [first, second] = [
      page.getByRole('region', { name: 'Demo client 1' }),
      page.getByRole('region', { name: 'Demo client 2' }),
    ];
    const push = async (text: string) => {
      await page.getByLabel('Payload, a text').fill(text);
      await button(page, 'Push').click();
      await shows(page.getByRole('status'), 'Stored: true');
    };
    await button(first, 'Connect').click();
    await shows(first.locator('.sent'), '"access_id":"client1"');
    await shows(first.locator('.received'), '"recovered":true');
    await shows(first.locator('.received'), '"payload":"before"');
    await shows(first.getByRole('status'), 'connected');
    await push('live');
    await shows(first.locator('.received'), '"payload":"live"');
    await shows(first, '2 events');

    await button(first, 'Disconnect').click();
    await shows(first.locator('.note'), 'disconnected by hand');
    await push('missed');
    await button(first, 'Resume').click();
    await shows(first.locator('.received'), '"payload":"missed"');
    await shows(first, '3 events');
    expect(await first.locator('.received').filter({ hasText: '"payload":"live"' }).count()).toBe(1);

    await button(second, 'Connect').click();
    await shows(second.getByRole('status'), 'connected');
    await page.getByLabel('Push to').fill('client2');
    await push('for the other one');
    await shows(second.locator('.received'), '"payload":"for the other one"');
    await button(first, 'Start afresh').click();
    await shows(first, 'Connect, and see what is said.');
    await button(page, 'Add a client').click();
    const third = page.getByRole('region', { name: 'Demo client 3' });
    await third.getByLabel('access_id').fill('client1');
    await button(third, 'Connect').click();
    await shows(third, '3 events');
    await button(third, 'Remove').click();
    await third.waitFor({ state: 'detached' });
  }, 60_000);

  test('shows how a dropped client ends', async () => {
    const url = await serve();
    const page = await open(url, 'try');
    const first = page.getByRole('region', { name: 'Demo client 1' });
    await button(first, 'Connect').click();
    await shows(first.getByRole('status'), 'connected');
    const other = await open(url, 'user/client1');
    await button(other, 'Drop').click();
    await button(other.getByRole('dialog'), 'Drop').click();
    await shows(first.locator('.note'), 'closed with 4503 “dropped”');
    await shows(first.getByRole('status'), 'disconnected');
  }, 60_000);
});

test('a page that is open while the server restarts keeps its figures, says so, and comes back by itself', async () => {
  const url = await serve();
  await connect(url, 'a');
  const page = await open(url);
  const figure = panel(page, 'Connections').locator('.figure');
  await shows(figure, '1');
  await servers.splice(0)[0]!.kill();
  await shows(page.getByRole('status'), /No answer since \d\d:\d\d:\d\d/);
  await titleIs(page, /^No answer/);
  await shows(figure, '1');
  await page.getByRole('link', { name: 'Who' }).click();
  await shows(page.getByRole('alert'), 'The server does not answer.');

  const again = await startServer({ PORT: new URL(url).port });
  servers.push(again);
  await shows(page.getByRole('status'), /The server was restarted\. It was gone from \d\d:\d\d:\d\d to/);
  await shows(page.locator('main'), 'Nobody is connected.');
  await page.getByRole('link', { name: 'Now', exact: true }).click();
  await shows(figure, '0');
  await panel(page, 'Connections')
    .getByRole('img', { name: /highest 1/ })
    .waitFor();
  expect(await page.getByRole('row').count()).toBe(2);
}, 60_000);

async function unlock(page: Page, key: string): Promise<void> {
  await keyOf(page).fill(key);
  await button(page, 'Open').click();
}

describe('with authentication', () => {
  const KEYS = [
    'reader:reader-0123456789:read',
    'admin:admin-0123456789:read+push+drop',
    'pusher:pusher-0123456789:push',
  ];
  const guarded = () =>
    serve({ HOST: '127.0.0.1', NOTIFIER_API_KEYS: KEYS.join(), NOTIFIER_JWT_SECRET: SECRET });

  test('asks for a key, keeps it for the tab, and may do what the key may', async () => {
    const url = await guarded();
    const page = await open(url);
    await unlock(page, 'wrong-0123456789');
    await shows(page.getByRole('alert'), 'API key');
    await unlock(page, 'pusher-0123456789');
    await shows(page.getByRole('alert'), 'The API key may not read.');
    await unlock(page, 'reader-0123456789');
    await shows(page.getByRole('heading'), 'Now');
    await page.reload();
    await shows(page.getByRole('heading'), 'Now');

    await page.goto(`${url}/console#/user/a`);
    await button(page, 'Push an event').click();
    await button(page, 'Push').click();
    await shows(page.getByRole('status'), 'The API key may not push.');
    await button(page, 'Drop').click();
    await button(page.getByRole('dialog'), 'Drop').click();
    await shows(page.getByRole('dialog').getByRole('alert'), 'The API key may not drop.');
    await button(page, 'Cancel').click();

    await button(page, 'Forget key').click();
    await keyOf(page).waitFor();
    expect(await page.evaluate('JSON.stringify([sessionStorage, localStorage])')).not.toContain('0123456789');
    await unlock(page, 'admin-0123456789');
    await button(page, 'Push an event').click();
    await button(page, 'Push').click();
    await shows(page.getByRole('status'), 'Stored');
    await shows(page.locator('main'), 'What the events say is not shown');
    const other = await open(url);
    await keyOf(other).waitFor();
  }, 60_000);

  test('asks a demo client for its user’s token', async () => {
    const page = await open(await guarded(), 'try');
    await unlock(page, 'admin-0123456789');
    const first = page.getByRole('region', { name: 'Demo client 1' });
    await first.getByLabel('Token of this user').fill('none');
    await button(first, 'Connect').click();
    await shows(first.locator('.note'), 'closed with 4500');
    await first.getByLabel('Token of this user').fill(tokenFor('client1'));
    await button(first, 'Connect').click();
    await shows(first.getByRole('status'), 'connected');
  }, 60_000);
});

test('10,000 connected users are a page away from each other', async () => {
  const url = await serve();
  await connectMany(url, 10_000);
  const page = await open(url, 'who');
  await shows(page.locator('.heading'), '10,000 users');
  await page.getByRole('link', { name: 'user00000' }).waitFor();
  const names = page.getByRole('list', { name: 'Connected users' }).getByRole('listitem');
  expect(await names.count()).toBe(200);
  await button(page, 'Next').click();
  await page.getByRole('link', { name: 'user00399' }).waitFor();
  await shows(page.getByRole('status'), '201–400');
  await button(page, 'Previous').click();
  await shows(page.getByRole('status'), '1–200');
  await page.getByRole('searchbox').fill('r0777');
  await page.getByRole('link', { name: 'user07779' }).waitFor();
  await eventually(async () => (await names.count()) === 10, 'the ten that match');
  await page.getByRole('searchbox').fill('nobody');
  await shows(page.locator('main'), 'Nobody who is connected has “nobody” in their id.');
  await page.getByRole('searchbox').fill('user09999');
  await button(page, 'Refresh').click();
  await page.getByRole('link', { name: 'user09999' }).click();
  await shows(page.getByRole('heading'), 'user09999');
}, 120_000);
