import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { partitionOf, slotOfPartition } from '../src/storage/redis/partitions.js';
import { event, push, pushed } from './support/http.js';
import { RedisClusterProcesses, RedisProcess } from './support/redis-server.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { untilReady } from './support/ready.js';

const PARTITION = `notifier:{p${partitionOf('broken')}}`;
const LIST = `${PARTITION}:e:broken`;
const HEAD = [`${PARTITION}:h`, 'broken'] as const;

const endings: (() => Promise<unknown>)[] = [];
let app: RunningApp;

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function start(url: string): Promise<void> {
  app = await startApp({ NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: url });
  endings.push(() => app.close());
  await untilReady(app.url);
}

/** All that a user's log holds. */
async function logOf(accessId: string): Promise<readonly unknown[]> {
  const first = { access_id: accessId, last_event_id: null, timestamp: 0 };
  const client = await SocketClient.subscribe(app.url, first);
  await client.until(({ hasReachedHead }) => hasReachedHead);
  await client.terminate();
  return client.payloads();
}

const batch = [event('ann', 1, 'a'), event('broken', 2, 'b'), event('zoe', 3, 'z')];

/** Pushes the batch, as often as connectors may: with a key, again, and without one. */
async function statuses(): Promise<number[]> {
  const all: number[] = [];
  for (const headers of [{ 'Idempotency-Key': 'k' }, { 'Idempotency-Key': 'k' }, {}, {}]) {
    all.push((await push(app.url, batch, headers)).status);
  }
  return all;
}

describe('a push that cannot be stored whole is not stored at all, and its repeat is once it can:', () => {
  let redis: RedisProcess;

  beforeEach(async () => {
    redis = await RedisProcess.start();
    endings.push(() => redis.remove());
    // All rights, and each of them can be taken away.
    await redis.ask('ACL', 'SETUSER', 'notifier', 'on', '>secret', '~*', '&*', '+@all');
    await start(redis.url.replace('//', '//notifier:secret@'));
    await pushed(app.url, [event('broken', 0, 'first')]);
  });

  async function expectStoredAfter(mend: () => Promise<unknown>): Promise<void> {
    expect(await statuses()).toEqual([503, 503, 503, 503]);
    await mend();
    expect((await push(app.url, batch, { 'Idempotency-Key': 'k' })).text).toBe('true');
    expect((await push(app.url, batch, { 'Idempotency-Key': 'k' })).text).toBe('true');
    expect([await logOf('ann'), await logOf('zoe')]).toEqual([['a'], ['z']]);
    expect((await logOf('broken')).at(-1)).toBe('b');
  }

  test('one user’s list is none', async () => {
    await redis.ask('DEL', LIST);
    await redis.ask('SET', LIST, 'x');
    await expectStoredAfter(() => redis.ask('DEL', LIST));
  });

  test.each(['garbage', '\xdc\x00'])('one user’s head is %j', async (head) => {
    await redis.ask('HSET', ...HEAD, head);
    await expectStoredAfter(() => redis.ask('HDEL', ...HEAD));
  });

  test.each(['SPUBLISH', 'RPUSH', 'PEXPIRE', 'LINDEX', 'LPOP', 'HSET', 'SET', 'DEL'])(
    'the right to %s is taken away while the node is connected',
    async (command) => {
      await redis.ask('ACL', 'SETUSER', 'notifier', `-${command}`);
      await expectStoredAfter(() => redis.ask('ACL', 'SETUSER', 'notifier', `+${command}`));
      expect(await logOf('broken')).toEqual(['first', 'b']);
    },
  );
});

test('on a cluster a partition’s part that could not be stored is stored by the repeat', async () => {
  const cluster = await RedisClusterProcesses.start(3);
  endings.push(() => cluster.remove());
  await start(cluster.url);
  await pushed(app.url, [event('broken', 0, 'first')]);
  const owner = cluster.masters[Math.floor((slotOfPartition(partitionOf('broken')) * 3) / 16_384)]!;
  await owner.ask('DEL', LIST);
  await owner.ask('SET', LIST, 'x');
  expect((await push(app.url, batch, { 'Idempotency-Key': 'k' })).status).toBe(503);
  await owner.ask('DEL', LIST);
  expect((await push(app.url, batch, { 'Idempotency-Key': 'k' })).text).toBe('true');
  expect([await logOf('ann'), await logOf('broken'), await logOf('zoe')]).toEqual([['a'], ['b'], ['z']]);
}, 60_000);
