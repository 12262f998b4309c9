import { afterAll, beforeAll, describe } from '@jest/globals';
import { describeNodes } from './nodes.contract.js';
import { RedisClusterProcesses, RedisProcess } from './support/redis-server.js';

describe('two nodes and one Redis', () => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await RedisProcess.start();
  });
  afterAll(() => redis.remove());
  describeNodes(() => redis.url);
});

describe('two nodes and a Redis Cluster', () => {
  let cluster: RedisClusterProcesses;
  beforeAll(async () => {
    cluster = await RedisClusterProcesses.start(3);
  }, 60_000);
  afterAll(() => cluster.remove());
  describeNodes(() => cluster.url);
});
