import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, test } from '@jest/globals';
import { drop, event, push, pushed, send } from './support/http.js';
import { RedisProcess } from './support/redis-server.js';
import { redisStores } from './support/redis-stores.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';

let redis: RedisProcess;
let app: RunningApp;
const clients: SocketClient[] = [];

beforeEach(async () => {
  redis = await RedisProcess.start();
  app = await startApp({
    NOTIFIER_STORE: 'redis',
    NOTIFIER_REDIS_URL: redis.url,
    NOTIFIER_HEARTBEAT: '1',
  });
  await eventually(isReady, 'the node is ready');
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.terminate()));
  await app.close();
  await redis.remove();
});

async function isReady(): Promise<boolean> {
  return (await send(app.url, '/health/ready')).status === 200;
}

async function subscribe(first: object = { last_event_id: null }): Promise<SocketClient> {
  const client = await SocketClient.subscribe(app.url, { access_id: 'alice', ...first });
  clients.push(client);
  await client.until(({ hasReachedHead }) => hasReachedHead);
  return client;
}

it('while Redis is silent, pushes and drops get 503, readiness ends, and connections stay', async () => {
  const client = await subscribe();
  redis.pause();
  try {
    const began = Date.now();
    expect((await push(app.url, [event('alice', 1, 'late')])).status).toBe(503);
    // The promise is 2 s; a machine may stand still for some more before it says so.
    expect(Date.now() - began).toBeLessThan(10_000);
    await eventually(async () => !(await isReady()), 'the node is not ready');
    expect((await drop(app.url, 'alice')).status).toBe(503);
    expect((await send(app.url, '/health/live')).status).toBe(200);
  } finally {
    redis.resume();
  }
  await eventually(isReady, 'the node is ready again');
  await pushed(app.url, [event('alice', 2, 'after')]);
  await client.until(() => client.payloads().includes('after'));
  expect(client.closeCode).toBeUndefined();
});

it('of a push that Redis did not answer the reason names Redis, and no setting of a library', async () => {
  const { log } = await redisStores(() => redis.url)();
  redis.pause();
  const stored = log.append({ events: [{ accessId: 'alice', createdAt: 1, text: '1' }] });
  const [outcome] = await Promise.allSettled([stored, redis.kill()]);
  expect(outcome).toMatchObject({ reason: { message: `no answer from Redis at 127.0.0.1:${redis.port}` } });
  await log.close();
});

it('a node that starts before Redis waits for it', async () => {
  await app.close();
  await redis.kill();
  app = await startApp({ NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: redis.url });
  expect((await send(app.url, '/health/ready')).status).toBe(503);
  expect((await push(app.url, [event('alice', 1, 'early')])).status).toBe(503);
  const turnedAway = await SocketClient.subscribe(app.url, { access_id: 'alice', timestamp: 0 });
  clients.push(turnedAway);
  expect(await turnedAway.closed()).toMatchObject({ code: 1013 });
  await redis.restart();
  await eventually(isReady, 'the node is ready');
  await pushed(app.url, [event('alice', 1, 'stored')]);
});

it('a Redis without memory takes nothing, keeps what it has, and is read all the same', async () => {
  await pushed(app.url, [event('alice', 1, 'kept')]);
  await redis.ask('CONFIG', 'SET', 'maxmemory', '1');
  expect((await push(app.url, [event('alice', 2, 'x'), event('bob', 1, 'x')])).status).toBe(503);
  const client = await subscribe({ timestamp: 0, last_event_id: null });
  expect(client.payloads()).toEqual(['kept']);
  await redis.ask('CONFIG', 'SET', 'maxmemory', '0');
  await pushed(app.url, [event('alice', 3, 'more')]);
  await client.until(() => client.payloads().includes('more'));
  expect(client.payloads()).toEqual(['kept', 'more']);
});

/** A Redis whose snapshot cannot be saved. */
async function failSnapshots(): Promise<void> {
  const [, folder] = (await redis.ask('CONFIG', 'GET', 'dir')) as string[];
  await mkdir(join(folder!, 'dump.rdb'));
  await redis.ask('CONFIG', 'SET', 'save', '3600 1000000');
  await redis.ask('BGSAVE');
  const info = async () => String(await redis.ask('INFO', 'persistence'));
  await eventually(async () => (await info()).includes('rdb_last_bgsave_status:err'), 'it has failed');
}

test.each([
  ['has too few replicas', () => redis.ask('CONFIG', 'SET', 'min-replicas-to-write', '1')],
  ['cannot save its snapshot', failSnapshots],
])(
  'a Redis that %s takes nothing, and is read all the same, over new connections too',
  async (_what, refuse) => {
    await pushed(app.url, [event('alice', 1, 'kept')]);
    const client = await subscribe({ timestamp: 0, last_event_id: null });
    await refuse();
    expect((await push(app.url, [event('alice', 2, 'x'), event('bob', 1, 'x')])).status).toBe(503);
    await redis.ask('CONFIG', 'RESETSTAT');
    await redis.ask('CLIENT', 'KILL', 'TYPE', 'normal');
    // What a new connection is asked first.
    const stats = async () => String(await redis.ask('INFO', 'commandstats'));
    await eventually(
      async () => (await stats()).includes('cmdstat_script|load'),
      'there is a new connection',
    );
    await eventually(isReady, 'the node is ready');
    const other = await subscribe({ timestamp: 0, last_event_id: null });
    expect(other.payloads()).toEqual(['kept']);
    expect((await subscribe({ last_event_id: other.ids()[0]! })).subscribed()).toMatchObject({
      recovered: true,
    });
    await redis.ask('CONFIG', 'SET', 'min-replicas-to-write', '0');
    await redis.ask('CONFIG', 'SET', 'stop-writes-on-bgsave-error', 'no');
    await pushed(app.url, [event('alice', 3, 'more')]);
    await client.until(() => client.payloads().includes('more'));
    expect(client.payloads()).toEqual(['kept', 'more']);
    expect(client.closeCode).toBeUndefined();
  },
);

it('after FLUSHALL everybody is told, and no old id names anything', async () => {
  await pushed(app.url, [event('alice', 1, 'gone')]);
  const here = await subscribe({ timestamp: 0, last_event_id: null });
  const empty = await SocketClient.subscribe(app.url, { access_id: 'nobody', last_event_id: null });
  clients.push(empty);
  await empty.until(({ hasReachedHead }) => hasReachedHead);
  await redis.ask('FLUSHALL');
  expect(await here.closed()).toMatchObject({ code: 4008 });
  expect(await empty.closed()).toMatchObject({ code: 4008 });
  await pushed(app.url, [event('alice', 5, 'new')]);
  const back = await subscribe({ last_event_id: here.ids()[0]!, timestamp: 0 });
  expect(back.subscribed()).toMatchObject({ recovered: false });
  expect(back.payloads()).toEqual(['new']);
  expect(back.ids()[0]).not.toBe(here.ids()[0]);
  const byTime = await subscribe({ last_event_id: null, timestamp: 1 });
  expect(byTime.subscribed()).toMatchObject({ recovered: false });
});
