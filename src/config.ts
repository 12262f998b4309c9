import type { Bounds } from './storage/bounds.js';

/** The whole configuration, checked. This file is the only reader of the environment. */
export interface Config {
  readonly port: number;
  readonly host: string;
  /** Whether the server is open and bound to loopback, so that only requests which name loopback are answered. */
  readonly isLoopbackOnly: boolean;
  readonly store: 'lmdb' | 'memory';
  readonly dataDir: string;
  readonly sync: 'full' | 'process';
  readonly bounds: Bounds;
  readonly maxConnections: number;
  readonly maxConnectionsPerUser: number;
  readonly heartbeatMs: number;
  readonly subscribeTimeoutMs: number;
  readonly maxBodyBytes: number;
  readonly maxBatchEvents: number;
  readonly maxEventBytes: number;
  readonly shutdownDelayMs: number;
  readonly shutdownGraceMs: number;
  /** Origins whose pages may connect; `*` for any; empty for the same host only. */
  readonly allowedOrigins: readonly string[];
  readonly logLevel: LogLevel;
  /** Express's `trust proxy` value. */
  readonly trustProxy: string | undefined;
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Every mistake in the environment, one line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly mistakes: readonly string[]) {
    super(mistakes.join('\n'));
  }
}

/** EX_CONFIG of sysexits.h. */
export const EXIT_CONFIG = 78;

type Environment = Readonly<Record<string, string | undefined>>;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i;

/** Names that Kubernetes injects for a Service called notifier. */
const INJECTED = /^NOTIFIER_(SERVICE_.*|PORT|PORT_.*)$/;

/**
 * The configuration that `environment` describes.
 *
 * @throws ConfigError naming every mistake
 */
export function readConfig(environment: Environment): Config {
  const reader = new Reader(environment);
  const config = { ...readServer(reader), ...readStore(reader), ...readLimits(reader) };
  reader.finish();
  return Object.freeze(config);
}

function readServer(reader: Reader) {
  const isMeantOpen = reader.oneOf('NOTIFIER_AUTH', ['none'] as const, undefined) === 'none';
  const host = reader.text('HOST', isMeantOpen ? '0.0.0.0' : '127.0.0.1');
  if (!isMeantOpen && !LOOPBACK.test(host)) {
    reader.mistake(
      'HOST is not a loopback address, and nothing says who may subscribe and push: set NOTIFIER_AUTH=none if it is meant to be open',
    );
  }
  return {
    port: reader.integer('PORT', 8080, 0, 65_535),
    host,
    isLoopbackOnly: !isMeantOpen,
    allowedOrigins: readOrigins(reader),
    logLevel: reader.oneOf('NOTIFIER_LOG_LEVEL', LOG_LEVELS, 'info'),
    trustProxy: reader.text('NOTIFIER_TRUST_PROXY', undefined),
    shutdownDelayMs: reader.seconds('NOTIFIER_SHUTDOWN_DELAY', 2, 0),
    shutdownGraceMs: reader.seconds('NOTIFIER_SHUTDOWN_GRACE', 6, 0),
  };
}

function readOrigins(reader: Reader): readonly string[] {
  const origins = reader.list('NOTIFIER_ALLOWED_ORIGINS');
  for (const origin of origins) {
    if (origin !== '*' && !isOrigin(origin)) {
      reader.mistake('NOTIFIER_ALLOWED_ORIGINS must list origins such as https://app.example.com, or *');
    }
  }
  return origins;
}

function isOrigin(text: string): boolean {
  try {
    return new URL(text).origin === text;
  } catch {
    return false;
  }
}

function readStore(reader: Reader) {
  return {
    store: reader.oneOf('NOTIFIER_STORE', ['lmdb', 'memory'] as const, 'lmdb'),
    dataDir: reader.text('NOTIFIER_DATA_DIR', './data'),
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
    heartbeatMs: reader.seconds('NOTIFIER_HEARTBEAT', 30, 1),
    subscribeTimeoutMs: reader.seconds('NOTIFIER_SUBSCRIBE_TIMEOUT', 10, 1),
    // A body is held as text while it is read: V8's longest string has 2^29 characters.
    maxBodyBytes: reader.integer('NOTIFIER_MAX_BODY', 1_048_576, 2, 2 ** 28),
    maxBatchEvents: reader.integer('NOTIFIER_MAX_BATCH', 1000, 1, 1_000_000),
    maxEventBytes: reader.integer('NOTIFIER_MAX_EVENT', 262_144, 1024, 2 ** 28),
  };
}

/** Reads values and collects what is wrong with them. */
class Reader {
  private readonly known = new Set<string>();
  private readonly mistakes: string[] = [];

  constructor(private readonly environment: Environment) {}

  mistake(line: string): void {
    if (!this.mistakes.includes(line)) this.mistakes.push(line);
  }

  /** @throws ConfigError if there was any mistake */
  finish(): void {
    for (const name of Object.keys(this.environment)) {
      if (name.startsWith('NOTIFIER_') && !this.known.has(name) && !INJECTED.test(name)) {
        this.mistake(`${name} is not a setting of this server${this.suggestion(name)}`);
      }
    }
    if (this.mistakes.length > 0) throw new ConfigError(this.mistakes);
  }

  text<T extends string | undefined>(name: string, fallback: T): string | T {
    this.known.add(name);
    // An empty value is an unset one, as Compose and CI write it.
    return this.environment[name] || fallback;
  }

  integer(name: string, fallback: number, min: number, max: number): number {
    const text = this.text(name, undefined);
    if (text === undefined) return fallback;
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    this.mistake(`${name} must be an integer from ${min} to ${max}`);
    return fallback;
  }

  /** A number of seconds, fractions allowed, as milliseconds; timers of Node end at 2^31 - 1 ms (24.8 days) and no age exceeds 100 years. */
  seconds(name: string, fallback: number, min: number): number {
    const max = name.endsWith('_TTL') ? 3_153_600_000 : 86_400;
    const text = this.text(name, undefined);
    if (text === undefined) return fallback * 1000;
    const value = /^\d{1,10}(\.\d{1,3})?$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return Math.round(value * 1000);
    this.mistake(`${name} must be a number of seconds from ${min} to ${max}`);
    return fallback * 1000;
  }

  oneOf<T extends string, F extends T | undefined>(name: string, choices: readonly T[], fallback: F): T | F {
    const text = this.text(name, undefined);
    if (text === undefined) return fallback;
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) this.mistake(`${name} must be ${choices.join(' or ')}`);
    return choice ?? fallback;
  }

  list(name: string): readonly string[] {
    const text = this.text(name, '');
    return text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '');
  }

  private suggestion(name: string): string {
    const words = new Set(name.split('_').slice(1));
    const score = (candidate: string) => candidate.split('_').filter((word) => words.has(word)).length;
    const best = [...this.known]
      .filter((known) => known.startsWith('NOTIFIER_'))
      .sort((a, b) => score(b) - score(a))[0];
    return best !== undefined && score(best) > 1 ? `; did you mean ${best}?` : '';
  }
}
