import { afterAll, beforeAll, describe } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { parseRedisAddress } from '../src/redis/redis-address.js';
import { RedisEventLog } from '../src/storage/redis-event-log.js';
import { describeEventLog } from './event-log.contract.js';
import { DEFAULT_BOUNDS, type OpenEventLog } from './event-log/harness.js';
import { RedisClusterProcesses, RedisProcess } from './support/redis-server.js';
import { eventually } from './support/wait.js';

let opened = 0;

// What the logs say of themselves is of no interest here.
Logger.overrideLogger(false);

/** Opens stores on one Redis, each under a prefix of its own. */
function on(url: () => string): OpenEventLog {
  return async (bounds = {}, clock?) => {
    const prefix = `test${++opened}`;
    const address = parseRedisAddress(url())!;
    const open = async () => {
      const log = new RedisEventLog(
        { ...DEFAULT_BOUNDS, ...bounds },
        { address, prefix, waitReplicas: 0 },
        clock,
      );
      await eventually(() => log.isReady(), 'Redis takes events');
      return log;
    };
    const followed = new Set<string>();
    let log = await open();
    return {
      get log() {
        return log;
      },
      follow(accessId) {
        followed.add(accessId);
        return log.watch(accessId);
      },
      async reopen() {
        await log.close();
        log = await open();
        for (const accessId of followed) await log.watch(accessId);
        return log;
      },
      close: () => log.close(),
    };
  };
}

describe('on one server', () => {
  let redis: RedisProcess;
  beforeAll(async () => {
    redis = await RedisProcess.start();
  });
  afterAll(() => redis.remove());
  describeEventLog(
    'RedisEventLog',
    on(() => redis.url),
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
    on(() => cluster.url),
    { totalBytes: false, histories: 5 },
  );
});
