import { setImmediate } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { parseRedisAddress } from '../src/redis/redis-address.js';
import { RedisEventLog } from '../src/storage/redis-event-log.js';
import { DEFAULT_BOUNDS } from './event-log/harness.js';
import { RedisProcess } from './support/redis-server.js';
import { eventually } from './support/wait.js';

const PUSHES = 1000;
const IN_A_TURN = 4;

Logger.overrideLogger(false);

let redis: RedisProcess;
let log: RedisEventLog;

beforeAll(async () => {
  redis = await RedisProcess.start();
});

beforeEach(async () => {
  const address = parseRedisAddress(redis.url)!;
  log = new RedisEventLog(DEFAULT_BOUNDS, { address, prefix: 'notifier', waitReplicas: 0 });
  await eventually(() => log.isReady(), 'Redis takes events');
});

afterEach(() => log.close());

afterAll(() => redis.remove());

/** Pushes one after the other without waiting for the answers, as they come over a connection: a few in each turn of the event loop. */
async function pushAll(): Promise<void> {
  const answers: Promise<unknown>[] = [];
  for (let createdAt = 1; createdAt <= PUSHES; createdAt++) {
    answers.push(log.append({ events: [{ accessId: 'ann', createdAt, text: String(createdAt) }] }));
    if (createdAt % IN_A_TURN === 0) await setImmediate();
  }
  await Promise.all(answers);
}

async function storedOrder(): Promise<number[]> {
  const { head } = await log.view('ann', 0);
  const page = await log.read('ann', { epoch: head!.epoch, seq: 0, tag: 0 }, 1024 * 1024, undefined);
  return page!.events.map(({ createdAt }) => createdAt);
}

test('pushes that do not wait for each other are stored in their order by a Redis that has lost its scripts', async () => {
  await redis.ask('SCRIPT', 'FLUSH');
  await redis.ask('CONFIG', 'RESETSTAT');
  await redis.ask('CLIENT', 'KILL', 'TYPE', 'normal');
  await eventually(() => !log.isReady(), 'the connection is lost');
  await eventually(() => log.isReady(), 'there is a new one');
  await pushAll();
  expect(await storedOrder()).toEqual(Array.from({ length: PUSHES }, (_, i) => i + 1));
  // A script that is sent only once Redis has said that it does not know it is overtaken by what was sent meanwhile.
  // The one is that by which the right to it is found out.
  expect(await redis.ask('INFO', 'commandstats')).toContain('cmdstat_eval:calls=1,');
});

test('pushes are stored where scripts are lost meanwhile', async () => {
  await redis.ask('FLUSHALL');
  await redis.ask('SCRIPT', 'FLUSH');
  await pushAll();
  expect((await log.extent('ann')).events).toBe(PUSHES);
});
