import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { readConfig } from '../src/config.js';
import { EventLog } from '../src/notifier/event-log.js';
import { RedisEventLog } from '../src/storage/redis-event-log.js';
import { event, push, pushed, send } from './support/http.js';
import { RedisProcess } from './support/redis-server.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';

/** Of the minute for which connections are kept, what these tests do not wait for. */
const AHEAD_MS = 56_000;

const CONNECTIONS = 40;
const HEARTBEAT_MS = 2000;

/** The real log, whose silence began earlier than it did. */
class EarlierSilence extends RedisEventLog {
  override get silentSince(): number | undefined {
    const since = super.silentSince;
    return since === undefined ? undefined : since - AHEAD_MS;
  }
}

let redis: RedisProcess;
let node: RunningApp;
const clients: SocketClient[] = [];

beforeEach(async () => {
  redis = await RedisProcess.start('--appendonly', 'yes', '--appendfsync', 'always');
  const environment = {
    NOTIFIER_STORE: 'redis',
    NOTIFIER_REDIS_URL: redis.url,
    NOTIFIER_HEARTBEAT: String(HEARTBEAT_MS / 1000),
  };
  const { bounds, redis: options } = readConfig(environment);
  node = await startApp(environment, [
    { provide: EventLog, useFactory: () => new EarlierSilence(bounds, options) },
  ]);
  await eventually(isReady, 'the node is ready');
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.terminate()));
  await node.close();
  await redis.remove();
});

async function isReady(): Promise<boolean> {
  return (await send(node.url, '/health/ready')).status === 200;
}

async function subscribeAll(): Promise<void> {
  for (let i = 0; i < CONNECTIONS; i++) {
    const client = await SocketClient.subscribe(node.url, { access_id: `user${i}`, last_event_id: null });
    clients.push(client);
    await client.until(({ hasReachedHead }) => hasReachedHead);
  }
}

const toAll = (payload: string) =>
  Array.from({ length: CONNECTIONS }, (_, i) => event(`user${i}`, 1, payload));

test('a minute after Redis went silent connections end with 1013, spread over a heartbeat', async () => {
  await subscribeAll();
  const closedAt: number[] = [];
  for (const { ws } of clients) ws.on('close', () => closedAt.push(Date.now()));
  const killed = Date.now();
  await redis.kill();
  await eventually(async () => !(await isReady()), 'the node is not ready');
  for (const client of clients) {
    expect(await client.closed()).toEqual({ code: 1013, reason: expect.stringMatching(/^try again later/) });
  }
  expect(Math.min(...closedAt) - killed).toBeGreaterThanOrEqual(60_000 - AHEAD_MS);
  // Every connection has its own moment within a heartbeat, as it has for its pings.
  expect(Math.max(...closedAt) - Math.min(...closedAt)).toBeGreaterThan(HEARTBEAT_MS / 4);
});

test('when Redis is back before that, all connections are still there and miss nothing', async () => {
  await subscribeAll();
  await pushed(node.url, toAll('before'));
  for (const client of clients) await client.untilEvents(1);
  await redis.kill();
  await eventually(async () => !(await isReady()), 'the node is not ready');
  expect((await push(node.url, toAll('during'))).status).toBe(503);
  await redis.restart();
  await eventually(isReady, 'the node is ready again');
  await pushed(node.url, toAll('after'));
  for (const client of clients) {
    await client.untilEvents(2);
    expect(client.payloads()).toEqual(['before', 'after']);
    expect(client.closeCode).toBeUndefined();
  }
});
