import { parseRedisAddress } from '../../src/redis/redis-address.js';
import { RedisEventLog } from '../../src/storage/redis-event-log.js';
import { DEFAULT_BOUNDS, type OpenEventLog } from '../event-log/harness.js';
import { eventually } from './wait.js';

let opened = 0;

/** Opens stores on one Redis, each under a prefix of its own. */
export function redisStores(url: () => string): OpenEventLog {
  return async (bounds = {}, clock?) => {
    const prefix = `notifier:test${++opened}`;
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
