/** A setting of the server as a flag of `notifier serve`. */
export interface Setting {
  /** In the environment. */
  readonly name: string;
  /** In the help: what counts where nothing is set, or what to write. */
  readonly value: string;
  /** What must not be seen in the list of processes is read from a file. */
  readonly isSecret?: true;
}

const setting = (name: string, value: string): Setting => ({ name, value });
const secret = (name: string): Setting => ({ name, value: 'FILE', isSecret: true });

/** Every setting of the server, in the order of the help. docs/protocol.md, section 9, says what each means. */
export const SETTINGS: Readonly<Record<string, readonly Setting[]>> = {
  listen: [
    setting('PORT', '8080'),
    setting('HOST', '127.0.0.1'),
    setting('NOTIFIER_TLS_CERT', 'FILE'),
    setting('NOTIFIER_TLS_KEY', 'FILE'),
    setting('NOTIFIER_TRUST_PROXY', 'WHO'),
    setting('NOTIFIER_ALLOWED_ORIGINS', 'LIST'),
    setting('NOTIFIER_LOG_LEVEL', 'info'),
  ],
  store: [
    setting('NOTIFIER_STORE', 'lmdb'),
    setting('NOTIFIER_DATA_DIR', './data'),
    setting('NOTIFIER_SYNC', 'full'),
    setting('NOTIFIER_REDIS_URL', 'URL'),
    setting('NOTIFIER_REDIS_PREFIX', 'notifier'),
    setting('NOTIFIER_REDIS_WAIT', '0'),
    setting('NOTIFIER_REDIS_SENTINEL_USER', 'NAME'),
    secret('NOTIFIER_REDIS_SENTINEL_PASSWORD'),
    setting('NOTIFIER_BUFFER_EVENTS', '1000'),
    setting('NOTIFIER_BUFFER_BYTES', '4194304'),
    setting('NOTIFIER_BUFFER_TTL', '86400'),
    setting('NOTIFIER_BUFFER_TOTAL_BYTES', '1073741824'),
    setting('NOTIFIER_HEAD_TTL', '2592000'),
    setting('NOTIFIER_IDEMPOTENCY_TTL', '600'),
  ],
  limits: [
    setting('NOTIFIER_MAX_CONNECTIONS', '100000'),
    setting('NOTIFIER_MAX_CONNECTIONS_PER_USER', '16'),
    setting('NOTIFIER_MAX_CONNECTIONS_PER_ADDRESS', 'N'),
    setting('NOTIFIER_MAX_BODY', '1048576'),
    setting('NOTIFIER_MAX_BATCH', '1000'),
    setting('NOTIFIER_MAX_EVENT', '262144'),
    setting('NOTIFIER_RATE_LIMIT', 'N'),
  ],
  times: [
    setting('NOTIFIER_HEARTBEAT', '30'),
    setting('NOTIFIER_SUBSCRIBE_TIMEOUT', '10'),
    setting('NOTIFIER_SHUTDOWN_DELAY', '2'),
    setting('NOTIFIER_SHUTDOWN_GRACE', '6'),
  ],
  access: [
    setting('NOTIFIER_AUTH', 'none'),
    secret('NOTIFIER_API_KEYS'),
    setting('NOTIFIER_AUTH_URL', 'URL'),
    secret('NOTIFIER_JWT_SECRET'),
    setting('NOTIFIER_JWT_PUBLIC_KEY_FILE', 'FILE'),
    setting('NOTIFIER_JWT_JWKS_URL', 'URL'),
    setting('NOTIFIER_JWT_ISSUER', 'TEXT'),
    setting('NOTIFIER_JWT_AUDIENCE', 'TEXT'),
    setting('NOTIFIER_JWT_CLAIM', 'sub'),
    setting('NOTIFIER_JWT_TOLERANCE', '5'),
  ],
};

/** `--buffer-ttl` of `NOTIFIER_BUFFER_TTL`. */
export function flagOf({ name, isSecret }: Setting): string {
  const flag = name
    .replace(/^NOTIFIER_/, '')
    .toLowerCase()
    .replaceAll('_', '-');
  return `--${flag}${isSecret ? '-file' : ''}`;
}
