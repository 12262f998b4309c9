import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { describeEventLog } from './event-log.contract.js';
import { describeNodes } from './nodes.contract.js';
import { RedisProcess } from './support/redis-server.js';
import { redisStores } from './support/redis-stores.js';

// What the logs say of themselves is of no interest here.
Logger.overrideLogger(false);

describe('on Valkey', () => {
  let valkey: RedisProcess;
  beforeAll(async () => {
    valkey = await RedisProcess.startValkey();
  });
  afterAll(() => valkey.remove());

  test('which it really is,', async () => {
    expect(String(await valkey.ask('INFO', 'server'))).toMatch(/^valkey_version:\d/m);
  });

  describeEventLog(
    'RedisEventLog',
    redisStores(() => valkey.url),
    { totalBytes: false, histories: 5 },
  );

  describeNodes(() => valkey.url);
});
