import { afterEach, expect, test } from '@jest/globals';
import { drop, event, push, pushed } from './support/http.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { startServer } from './support/start-server.js';

let running: RunningApp | undefined;

afterEach(async () => {
  await running?.close();
  running = undefined;
});

test('a subscriber gets what it missed, then everything live, until it is dropped', async () => {
  running = await startApp();
  const { url } = running;
  await pushed(url, [
    event('client1', 10, 'old'),
    event('client1', 200, 'missed'),
    event('other', 300, 'no'),
  ]);
  const client = await SocketClient.subscribe(url, { access_id: 'client1', timestamp: 200 });
  await client.untilEvents(1);
  await pushed(url, [event('client1', 5, 'live')]);
  await client.untilEvents(2);
  expect(client.payloads()).toEqual(['missed', 'live']);
  expect((await drop(url, 'client1')).text).toBe('true');
  expect(await client.closed()).toEqual({ code: 4503, reason: 'dropped' });
});

test('the built server says where it listens, serves, and exits with 0 when asked to', async () => {
  const server = await startServer({ NOTIFIER_LOG_LEVEL: 'silent' });
  expect(server.store).toBe('memory');
  expect((await push(server.url, [])).text).toBe('true');
  expect(await server.stop()).toEqual({ code: 0, signal: null });
  expect(server.stderr).toBe('');
});
