import { afterAll, beforeAll, describe } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { describeEventLog } from './event-log.contract.js';
import { RedisClusterProcesses, RedisProcess } from './support/redis-server.js';
import { redisStores } from './support/redis-stores.js';

// What the logs say of themselves is of no interest here.
Logger.overrideLogger(false);

describe('on one server', () => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await RedisProcess.start();
  });
  afterAll(() => redis.remove());
  describeEventLog(
    'RedisEventLog',
    redisStores(() => redis.url),
    { totalBytes: false, histories: 20 },
  );
});

describe('on a cluster of three', () => {
  let cluster: RedisClusterProcesses;
  beforeAll(async () => {
    cluster = await RedisClusterProcesses.start(3);
  }, 60_000);
  afterAll(() => cluster.remove());
  describeEventLog(
    'RedisEventLog',
    redisStores(() => cluster.url),
    { totalBytes: false, histories: 5 },
  );
});
