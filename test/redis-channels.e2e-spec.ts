import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { parseRedisAddress } from '../src/redis/redis-address.js';
import { RedisEventLog } from '../src/storage/redis-event-log.js';
import { DEFAULT_BOUNDS } from './event-log/harness.js';
import { RedisProcess } from './support/redis-server.js';
import { SocketClient } from './support/socket-client.js';
import { startApp } from './support/start-app.js';
import { eventually } from './support/wait.js';
import { untilReady } from './support/ready.js';

Logger.overrideLogger(false);

/** Longer than a command may take, and shorter than a silence over which the connection is given up. */
const PAUSE_MS = 2000;

let redis: RedisProcess;

beforeAll(async () => {
  redis = await RedisProcess.start();
});

afterAll(() => redis.remove());

const channels = () => redis.ask('PUBSUB', 'SHARDCHANNELS') as Promise<string[]>;

test('a channel that was refused is asked for again at the next heartbeat', async () => {
  const environment = { NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: redis.url, NOTIFIER_HEARTBEAT: '1' };
  const node = await startApp(environment);
  await untilReady(node.url);
  await redis.ask('ACL', 'SETUSER', 'default', '-ssubscribe');
  const before = await channels();
  const client = await SocketClient.subscribe(node.url, { access_id: 'ann', last_event_id: null });
  await client.until(({ hasReachedHead }) => hasReachedHead);
  expect(await channels()).toEqual(before);
  await redis.ask('ACL', 'SETUSER', 'default', '+ssubscribe');
  await eventually(async () => (await channels()).length > before.length, 'the channel is subscribed');
  await client.close();
  await eventually(async () => (await channels()).length === before.length, 'it is given up');
  await node.close();
});

test('a channel whose subscription took too long is given up with its user', async () => {
  const address = parseRedisAddress(redis.url)!;
  const log = new RedisEventLog(DEFAULT_BOUNDS, { address, prefix: 'notifier', waitReplicas: 0 });
  await eventually(() => log.isReady(), 'Redis takes events');
  const before = await channels();
  await redis.ask('CLIENT', 'PAUSE', PAUSE_MS, 'ALL');
  await log.watch('ann');
  await eventually(async () => (await channels()).length > before.length, 'the channel is subscribed');
  log.unwatch('ann');
  await eventually(async () => (await channels()).length === before.length, 'it is given up');
  await log.close();
});

test('a refused channel is asked for again for who is watched alone, who is looked at once it is subscribed', async () => {
  const address = parseRedisAddress(redis.url)!;
  const log = new RedisEventLog(DEFAULT_BOUNDS, { address, prefix: 'notifier', waitReplicas: 0 });
  const missed: string[] = [];
  log.listen({
    appended: () => undefined,
    dropped: () => undefined,
    missed: (accessIds) => missed.push(...accessIds),
  });
  await eventually(() => log.isReady(), 'Redis takes events');
  const before = await channels();
  const store = (accessId: string) => log.append({ events: [{ accessId, createdAt: 1, text: '1' }] });
  const cursorAt = async (accessId: string) => {
    await store(accessId);
    const { head, store: memory } = await log.view(accessId, 0);
    const { epoch, seq, tag, drops } = head!;
    return { accessId, position: { epoch, seq, tag }, drops, losses: memory.losses };
  };
  const cursors = [await cursorAt('watched'), await cursorAt('gone')];
  await redis.ask('ACL', 'SETUSER', 'default', '-ssubscribe');
  await log.watch('watched');
  await redis.ask('ACL', 'SETUSER', 'default', '+ssubscribe');
  for (const { accessId } of cursors) await store(accessId);
  expect((await log.survey(cursors)).astray).toEqual([0, 1]);
  await eventually(() => missed.includes('watched'), 'it is looked at');
  expect(missed).not.toContain('gone');
  expect(await channels()).toHaveLength(before.length + 1);
  await log.close();
});
