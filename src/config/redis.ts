import { parseRedisAddress, type RedisAddress } from '../redis/redis-address.js';
import type { RedisOptions } from '../storage/redis-event-log.js';
import type { Reader } from './reader.js';

const DEFAULT_URL = 'redis://127.0.0.1:6379';

/** Braces in it would move every key to one slot of a cluster. */
const PREFIX = /^[^{}\s]{1,64}$/;

/** Where Redis is, and what a write to it must reach. */
export function readRedis(reader: Reader): RedisOptions {
  const url = reader.text('NOTIFIER_REDIS_URL', DEFAULT_URL);
  const address = parseRedisAddress(url);
  if (!address) {
    const credentials = url.includes('@')
      ? '; user and password percent-encoded where they have :, /, @ or %'
      : '';
    reader.mistake(
      `NOTIFIER_REDIS_URL must be redis://host:port or rediss://host:port, with several comma-separated nodes for a cluster, or redis+sentinel://host:port,host:port/NAME${credentials}`,
    );
  }
  const prefix = reader.text('NOTIFIER_REDIS_PREFIX', 'notifier');
  if (!PREFIX.test(prefix)) {
    reader.mistake('NOTIFIER_REDIS_PREFIX must be 1 to 64 characters without braces and white space');
  }
  const known = address ?? parseRedisAddress(DEFAULT_URL)!;
  const sentinels = readSentinels(reader, known);
  return {
    address: sentinels ? { ...known, sentinels } : known,
    // Channels are of no database: those of two would be the same.
    prefix: known.database === 0 ? prefix : `${prefix}:db${known.database}`,
    waitReplicas: reader.integer('NOTIFIER_REDIS_WAIT', 0, 0, 100),
  };
}

const SENTINEL_USER = 'NOTIFIER_REDIS_SENTINEL_USER';
const SENTINEL_PASSWORD = 'NOTIFIER_REDIS_SENTINEL_PASSWORD';

/** What the Sentinels want to be shown. The credentials in the URL are those of the servers. */
function readSentinels(reader: Reader, { kind }: RedisAddress): RedisAddress['sentinels'] {
  const username = reader.text(SENTINEL_USER, undefined);
  const password = reader.text(SENTINEL_PASSWORD, undefined);
  if (username !== undefined && password === undefined) {
    reader.mistake(`${SENTINEL_USER} needs ${SENTINEL_PASSWORD}`);
  }
  if (password === undefined) return undefined;
  if (kind !== 'sentinel') {
    reader.warn(`${SENTINEL_PASSWORD} is not used: NOTIFIER_REDIS_URL names no Sentinels`);
  }
  return { username, password };
}
