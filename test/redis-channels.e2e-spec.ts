import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { parseRedisAddress } from '../src/redis/redis-address.js';
import { RedisEventLog } from '../src/storage/redis-event-log.js';
import { DEFAULT_BOUNDS } from './event-log/harness.js';
import { RedisProcess } from './support/redis-server.js';
import { SocketClient } from './support/socket-client.js';
import { startApp } from './support/start-app.js';
import { eventually } from './support/wait.js';

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
  await eventually(async () => (await fetch(`${node.url}/health/ready`)).ok, 'the node is ready');
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
