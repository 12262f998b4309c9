import { readAccess, type Access } from './config/access.js';
import { ConfigError, Reader, type Environment } from './config/reader.js';
import { readRedis } from './config/redis.js';
import { readTls, type TlsFiles } from './config/tls.js';
import type { Bounds } from './storage/bounds.js';
import type { RedisOptions } from './storage/redis-event-log.js';

export { ConfigError };

/** The whole configuration, checked. This file and its folder are the only reader of the environment. */
export interface Config extends Access {
  readonly port: number;
  /** HTTPS and WSS instead of HTTP and WS. */
  readonly tls: TlsFiles | undefined;
  readonly store: 'lmdb' | 'memory' | 'redis';
  readonly redis: RedisOptions;
  readonly dataDir: string;
  readonly sync: 'full' | 'process';
  readonly bounds: Bounds;
  readonly maxConnections: number;
  readonly maxConnectionsPerUser: number;
  /** `undefined`: as many as there may be in all. */
  readonly maxConnectionsPerAddress: number | undefined;
  readonly heartbeatMs: number;
  readonly subscribeTimeoutMs: number;
  readonly maxBodyBytes: number;
  readonly maxBatchEvents: number;
  readonly maxEventBytes: number;
  readonly shutdownDelayMs: number;
  readonly shutdownGraceMs: number;
  readonly logLevel: LogLevel;
  /** Where spans are sent, by OTLP over HTTP; `undefined`: none are made. */
  readonly tracesUrl: URL | undefined;
  /** What is allowed and probably not meant, one line each. */
  readonly warnings: readonly string[];
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** EX_CONFIG of sysexits.h. */
export const EXIT_CONFIG = 78;

/**
 * The configuration that `environment` describes.
 *
 * @throws ConfigError naming every mistake
 */
export function readConfig(environment: Environment): Config {
  const reader = new Reader(environment);
  const config = {
    ...readAccess(reader),
    ...readServer(reader),
    ...readStore(reader),
    ...readLimits(reader),
  };
  warnOfOddPairs(reader, config);
  warnOfIdleRedis(reader, config.store);
  warnOfIdleBound(reader, config.store);
  reader.finish();
  return Object.freeze({ ...config, warnings: reader.warnings });
}

/** What would have nodes share their events, and is of no use to the other stores. */
const SHARING = ['NOTIFIER_REDIS_URL', 'NOTIFIER_REDIS_WAIT', 'NOTIFIER_REDIS_PREFIX'];

/** Several nodes would each answer `true`, and each keep its events to itself. */
function warnOfIdleRedis(reader: Reader, store: Config['store']): void {
  const idle = SHARING.find((name) => reader.isSet(name));
  if (store === 'redis' || idle === undefined) return;
  reader.warn(
    `${idle} is not used: NOTIFIER_STORE is ${store}, and what this node stores no other node has; set NOTIFIER_STORE=redis if there are several`,
  );
}

/** Somebody would wait for the oldest logs to go, and find a Redis that is full. */
function warnOfIdleBound(reader: Reader, store: Config['store']): void {
  const name = 'NOTIFIER_BUFFER_TOTAL_BYTES';
  if (store !== 'redis' || !reader.isSet(name)) return;
  reader.warn(`${name} is not used: NOTIFIER_STORE is redis, and what bounds it is maxmemory`);
}

/** Each is allowed by itself; the defaults fit one another. */
function warnOfOddPairs(reader: Reader, config: Omit<Config, 'warnings'>): void {
  const { maxBatchEvents, maxEventBytes, bounds, shutdownDelayMs, shutdownGraceMs } = config;
  warnOfMore(
    reader,
    ['NOTIFIER_MAX_BATCH', maxBatchEvents],
    ['NOTIFIER_BUFFER_EVENTS', bounds.bufferEvents],
    'of a larger push to one user the first events are trimmed as soon as they are stored, and no connection gets them',
  );
  warnOfMore(
    reader,
    ['NOTIFIER_MAX_EVENT', maxEventBytes],
    ['NOTIFIER_BUFFER_BYTES', bounds.bufferBytes],
    'a larger event is trimmed as soon as it is stored, with all that its user has',
  );
  warnOfMore(
    reader,
    ['NOTIFIER_MAX_EVENT', maxEventBytes],
    ['NOTIFIER_BUFFER_TOTAL_BYTES', bounds.totalBytes],
    'a larger event is trimmed as soon as it is stored, and so may be what other users have',
  );
  if (shutdownDelayMs >= shutdownGraceMs) {
    reader.warn(
      `NOTIFIER_SHUTDOWN_DELAY (${shutdownDelayMs / 1000}) leaves nothing of NOTIFIER_SHUTDOWN_GRACE (${shutdownGraceMs / 1000}): connections are cut before their clients are told`,
    );
  }
}

type Setting = readonly [name: string, value: number];

/** Warns where the first is more than the second. */
function warnOfMore(
  reader: Reader,
  [name, value]: Setting,
  [bound, most]: Setting,
  consequence: string,
): void {
  if (value > most) reader.warn(`${name} (${value}) is more than ${bound} (${most}): ${consequence}`);
}

function readServer(reader: Reader) {
  return {
    port: reader.integer('PORT', 8080, 0, 65_535),
    tls: readTls(reader),
    logLevel: reader.oneOf('NOTIFIER_LOG_LEVEL', LOG_LEVELS, 'info'),
    tracesUrl: readTracesUrl(reader),
    shutdownDelayMs: reader.seconds('NOTIFIER_SHUTDOWN_DELAY', 2, 0),
    shutdownGraceMs: reader.seconds('NOTIFIER_SHUTDOWN_GRACE', 6, 0),
  };
}

/** The specification of OTLP exporters: the endpoint is a base, and each signal has its path below it. */
function readTracesUrl(reader: Reader): URL | undefined {
  const endpoint = reader.url('OTEL_EXPORTER_OTLP_ENDPOINT');
  return endpoint && new URL('v1/traces', endpoint.href.endsWith('/') ? endpoint : `${endpoint.href}/`);
}

function readStore(reader: Reader) {
  return {
    store: reader.oneOf('NOTIFIER_STORE', ['lmdb', 'memory', 'redis'] as const, 'lmdb'),
    dataDir: reader.text('NOTIFIER_DATA_DIR', './data'),
    redis: readRedis(reader),
    sync: reader.oneOf('NOTIFIER_SYNC', ['full', 'process'] as const, 'full'),
    bounds: Object.freeze({
      bufferEvents: reader.integer('NOTIFIER_BUFFER_EVENTS', 1000, 1, 1_000_000),
      bufferBytes: reader.integer('NOTIFIER_BUFFER_BYTES', 4_194_304, 1024, 2 ** 32),
      bufferTtlMs: reader.seconds('NOTIFIER_BUFFER_TTL', 86_400, 1),
      totalBytes: reader.integer('NOTIFIER_BUFFER_TOTAL_BYTES', 1_073_741_824, 65_536, 2 ** 44),
      headTtlMs: reader.seconds('NOTIFIER_HEAD_TTL', 2_592_000, 1),
      idempotencyTtlMs: reader.seconds('NOTIFIER_IDEMPOTENCY_TTL', 600, 1),
    }),
  };
}

function readLimits(reader: Reader) {
  return {
    maxConnections: reader.integer('NOTIFIER_MAX_CONNECTIONS', 100_000, 1, 10_000_000),
    maxConnectionsPerUser: reader.integer('NOTIFIER_MAX_CONNECTIONS_PER_USER', 16, 1, 10_000_000),
    maxConnectionsPerAddress: reader.integer(
      'NOTIFIER_MAX_CONNECTIONS_PER_ADDRESS',
      undefined,
      1,
      10_000_000,
    ),
    heartbeatMs: reader.seconds('NOTIFIER_HEARTBEAT', 30, 1),
    subscribeTimeoutMs: reader.seconds('NOTIFIER_SUBSCRIBE_TIMEOUT', 10, 1),
    // A body is held as text while it is read: V8's longest string has 2^29 characters.
    maxBodyBytes: reader.integer('NOTIFIER_MAX_BODY', 1_048_576, 2, 2 ** 28),
    maxBatchEvents: reader.integer('NOTIFIER_MAX_BATCH', 1000, 1, 1_000_000),
    maxEventBytes: reader.integer('NOTIFIER_MAX_EVENT', 262_144, 1024, 2 ** 28),
  };
}
