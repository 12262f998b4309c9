import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { startPoint } from '../src/notifier/start-point.js';
import { partitionOf } from '../src/storage/redis/partitions.js';
import { parseRedisAddress } from '../src/redis/redis-address.js';
import { RedisEventLog } from '../src/storage/redis-event-log.js';
import { DEFAULT_BOUNDS } from './event-log/harness.js';
import { drop, event, push, pushed, send } from './support/http.js';
import { RedisProcess } from './support/redis-server.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { startServer } from './support/start-server.js';
import { eventually } from './support/wait.js';
import { isReady } from './support/ready.js';

Logger.overrideLogger(false);

const USER = 'client1';

let redis: RedisProcess;
const apps: RunningApp[] = [];
const logs: RedisEventLog[] = [];

beforeEach(async () => {
  redis = await RedisProcess.start();
});

afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
  for (const log of logs.splice(0)) await log.close();
  await redis.remove();
});

async function start(database: number): Promise<string> {
  const app = await startApp({ NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: `${redis.url}/${database}` });
  apps.push(app);
  await eventually(() => isReady(app.url), 'the node is ready');
  return app.url;
}

/** A log with a clock that can be set, and somebody whose head is kept beside that of `USER`. */
async function openWithNeighbour() {
  const clock = { now: Date.now() };
  const target = { address: parseRedisAddress(redis.url)!, prefix: 'notifier', waitReplicas: 0 };
  const log = new RedisEventLog(DEFAULT_BOUNDS, target, () => clock.now);
  logs.push(log);
  await eventually(() => log.isReady(), 'Redis takes events');
  const partition = partitionOf(USER);
  const users = Array.from({ length: 20_000 }, (_, i) => `user${i}`);
  return {
    log,
    clock,
    neighbour: users.find((user) => partitionOf(user) === partition)!,
    store: (accessId: string) => log.append({ events: [{ accessId, createdAt: 1, text: '1' }] }),
    putHead: (head: string) =>
      redis.ask('HSET', `notifier:{p${partition}}:h`, USER, Buffer.from(head, 'latin1')),
  };
}

async function subscribe(url: string): Promise<SocketClient> {
  const client = await SocketClient.subscribe(url, { access_id: USER, last_event_id: null });
  await client.until(({ hasReachedHead }) => hasReachedHead);
  return client;
}

describe('two deployments in two databases of one Redis', () => {
  test('know nothing of each other', async () => {
    const [one, other] = [await start(0), await start(1)];
    const [client, stranger] = [await subscribe(one), await subscribe(other)];
    expect((await drop(other, USER)).text).toBe('true');
    expect((await stranger.closed()).code).toBe(4503);
    await pushed(one, [event(USER, 1, 'still here')]);
    await client.untilEvents(1);
    expect((await send(one, '/clients')).text).toBe(
      `{"clients":[{"access_id":"${USER}","connections":1}],"next":null}`,
    );
    await client.close();
  });

  test('are none where there is no such database: nothing is written into another', async () => {
    const server = await startServer({ NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: `${redis.url}/99` });
    await eventually(() => /DB index is out of range/.test(server.stderr), 'the log says so');
    expect(await isReady(server.url)).toBe(false);
    expect(await redis.ask('DBSIZE')).toBe(0);
    await server.kill();
  });
});

test.each(['x', 'null', '', 'E', 'Ex,1;', 'Ex,1,1,1,1;5', 'Ex,1,1,1,1;0:0,', 'E,,,,;9:1,2', 'D', '{"id":1}'])(
  'a message %j that is none of a node’s, on any of its channels, harms nobody',
  async (message) => {
    const url = await start(0);
    const client = await subscribe(url);
    const channels = (await redis.ask('PUBSUB', 'SHARDCHANNELS')) as string[];
    expect(channels).toHaveLength(3);
    for (const channel of channels) await redis.ask('SPUBLISH', channel, message);
    await pushed(url, [event(USER, 1, 'after it')]);
    await client.untilEvents(1);
    expect(client.payloads()).toEqual(['after it']);
    await client.close();
  },
);

test.each([
  ['a text', 'garbage'],
  ['an empty list', '\x90'],
  ['a list of one', '\x91\x01'],
])('%s in the place of one user’s head harms nobody else', async (_what, head) => {
  const { log, clock, neighbour, store, putHead } = await openWithNeighbour();
  await store(USER);
  await store(neighbour);
  await putHead(head);
  const { head: own, store: memory } = await log.view(neighbour, 0);
  const { epoch, seq, tag, drops } = own!;
  const position = { epoch, seq, tag };
  const cursor = { accessId: neighbour, position, drops, losses: memory.losses };
  const behind = { ...cursor, position: { ...position, seq: 0 } };
  expect((await log.survey([cursor, { ...cursor, accessId: USER }, behind])).astray).toEqual([1, 2]);
  // Once an hour a push looks at the heads of the partition, to forget those whose time is over.
  clock.now += 3_600_001;
  expect(await store(neighbour)).toBe('stored');
});

test('a push that finds no head in the place of its user’s has nobody else forgotten without a trace', async () => {
  const { log, clock, neighbour, store, putHead } = await openWithNeighbour();
  await store(neighbour);
  // Long enough for what is known of the neighbour to be forgotten by the next push.
  clock.now += 2 * (DEFAULT_BOUNDS.bufferTtlMs + DEFAULT_BOUNDS.headTtlMs);
  await putHead('garbage');
  await expect(store(USER)).rejects.toThrow();
  expect(startPoint(await log.view(neighbour, 0), { timestamp: 1 }).recovered).toBe(false);
});

test('a list that somebody has taken away is a gap for who asks for what it held, whether a look finds it or a push', async () => {
  const { log, neighbour, store } = await openWithNeighbour();
  const isWhole = async (accessId: string) =>
    startPoint(await log.view(accessId, 0), { timestamp: 1 }).recovered;
  for (const user of [USER, neighbour]) {
    await store(user);
    expect(await isWhole(user)).toBe(true);
    await redis.ask('DEL', `notifier:{p${partitionOf(user)}}:e:${user}`);
  }
  await store(neighbour);
  expect([await isWhole(USER), await isWhole(neighbour)]).toEqual([false, false]);
  expect((await log.extent(neighbour)).events).toBe(1);
});

test('what is no event in one user’s list ends that log, and a push that finds it is stored once', async () => {
  const app = await startApp({
    NOTIFIER_STORE: 'redis',
    NOTIFIER_REDIS_URL: redis.url,
    NOTIFIER_BUFFER_EVENTS: '2',
  });
  apps.push(app);
  await eventually(() => isReady(app.url), 'the node is ready');
  await pushed(app.url, [event(USER, 1, 'first')]);
  const early = await subscribe(app.url);
  const { last_event_id: lastEventId } = early.subscribed()!;
  await pushed(app.url, [event(USER, 2, 'second')]);
  await early.untilEvents(1);
  await redis.ask('LSET', `notifier:{p${partitionOf(USER)}}:e:${USER}`, 0, 'garbage');
  for (let attempt = 0; attempt < 2; attempt++) {
    const { status } = await push(app.url, [event(USER, 3, 'third')], { 'Idempotency-Key': 'k' });
    expect(status).toBe(200);
  }
  await early.untilEvents(2);
  expect(early.payloads()).toEqual(['second', 'third']);
  const late = await SocketClient.subscribe(app.url, { access_id: USER, last_event_id: lastEventId });
  await late.until(({ hasReachedHead }) => hasReachedHead);
  expect(late.payloads()).toEqual(['third']);
  expect(late.subscribed()!.recovered).toBe(false);
  await early.close();
  await late.close();
});
