import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { BUILD_MS } from '../test/support/build.js';
import { FUZZ_RUNS } from '../test/support/fuzz.js';
import { mistakesOf } from '../test/support/mistakes.js';
import { spawnServer, startServer } from '../test/support/start-server.js';
import { EXIT_CONFIG, readConfig, type Config } from './config.js';

/** A setting, what it is without being set, and a value with what that means. */
type Setting = [
  name: string,
  of: (config: Config) => unknown,
  byDefault: unknown,
  value: string,
  meaning: unknown,
];

const SETTINGS: readonly Setting[] = [
  ['PORT', ({ port }) => port, 8080, '0', 0],
  ['HOST', ({ host }) => host, '127.0.0.1', '::1', '::1'],
  ['HOST', ({ host }) => host, '127.0.0.1', '[::1]', '::1'],
  ['NOTIFIER_STORE', ({ store }) => store, 'lmdb', 'memory', 'memory'],
  ['NOTIFIER_DATA_DIR', ({ dataDir }) => dataDir, './data', '/var/lib/notifier', '/var/lib/notifier'],
  ['NOTIFIER_SYNC', ({ sync }) => sync, 'full', 'process', 'process'],
  ['NOTIFIER_BUFFER_EVENTS', ({ bounds }) => bounds.bufferEvents, 1000, '5', 5],
  ['NOTIFIER_BUFFER_BYTES', ({ bounds }) => bounds.bufferBytes, 4_194_304, '2048', 2048],
  ['NOTIFIER_BUFFER_TTL', ({ bounds }) => bounds.bufferTtlMs, 86_400_000, '1.5', 1500],
  ['NOTIFIER_BUFFER_TOTAL_BYTES', ({ bounds }) => bounds.totalBytes, 1_073_741_824, '65536', 65_536],
  ['NOTIFIER_HEAD_TTL', ({ bounds }) => bounds.headTtlMs, 2_592_000_000, '60', 60_000],
  ['NOTIFIER_IDEMPOTENCY_TTL', ({ bounds }) => bounds.idempotencyTtlMs, 600_000, '60', 60_000],
  ['NOTIFIER_MAX_CONNECTIONS', ({ maxConnections }) => maxConnections, 100_000, '7', 7],
  ['NOTIFIER_MAX_CONNECTIONS_PER_USER', ({ maxConnectionsPerUser }) => maxConnectionsPerUser, 16, '7', 7],
  ['NOTIFIER_MAX_CONNECTIONS_PER_ADDRESS', (config) => config.maxConnectionsPerAddress, undefined, '7', 7],
  ['NOTIFIER_HEARTBEAT', ({ heartbeatMs }) => heartbeatMs, 30_000, '1', 1000],
  ['NOTIFIER_SUBSCRIBE_TIMEOUT', ({ subscribeTimeoutMs }) => subscribeTimeoutMs, 10_000, '5', 5000],
  ['NOTIFIER_MAX_BODY', ({ maxBodyBytes }) => maxBodyBytes, 1_048_576, '2000', 2000],
  ['NOTIFIER_MAX_BATCH', ({ maxBatchEvents }) => maxBatchEvents, 1000, '2', 2],
  ['NOTIFIER_MAX_EVENT', ({ maxEventBytes }) => maxEventBytes, 262_144, '2048', 2048],
  ['NOTIFIER_SHUTDOWN_DELAY', ({ shutdownDelayMs }) => shutdownDelayMs, 2000, '0', 0],
  ['NOTIFIER_SHUTDOWN_GRACE', ({ shutdownGraceMs }) => shutdownGraceMs, 6000, '20', 20_000],
  ['NOTIFIER_RATE_LIMIT', ({ eventsPerSecond }) => eventsPerSecond, undefined, '100', 100],
  [
    'NOTIFIER_ALLOWED_ORIGINS',
    ({ allowedOrigins }) => allowedOrigins,
    [],
    'https://a.example, http://b.example:81,*',
    ['https://a.example', 'http://b.example:81', '*'],
  ],
  ['NOTIFIER_LOG_LEVEL', ({ logLevel }) => logLevel, 'info', 'silent', 'silent'],
];

/** Values that each of some settings refuses, as the beginning of the line that says so. */
const WRONG: readonly [names: readonly string[], values: readonly string[], line: string][] = [
  [
    SETTINGS.map(([name]) => name).filter((name) =>
      /^PORT$|_EVENTS$|_BYTES$|_CONNECTIONS|_MAX_|_LIMIT$/.test(name),
    ),
    ['-1', '1.5', 'x', '1e3', '0x10', ' 1', '99999999999999999999', '1 000'],
    'must be an integer from ',
  ],
  [
    SETTINGS.map(([name]) => name).filter((name) => /_TTL$|_HEARTBEAT$|_TIMEOUT$|_DELAY$|_GRACE$/.test(name)),
    ['-1', 'x', '5s', '1e3', '1.2345', '99999999999', '1,5'],
    'must be a number of seconds from ',
  ],
  // What is longer than 24.8 days would be no timer.
  [
    SETTINGS.map(([name]) => name).filter((name) => /_HEARTBEAT$|_TIMEOUT$|_DELAY$|_GRACE$/.test(name)),
    ['86401'],
    'must be a number of seconds from ',
  ],
  [['NOTIFIER_STORE'], ['LMDB', 'files', '__proto__'], 'must be lmdb or memory'],
  [
    ['NOTIFIER_REDIS_URL'],
    [
      'http://a:6379',
      'redis://',
      'redis://a:99999',
      'redis://a?db=1',
      'redis://a#1',
      'redis://a/-1',
      'redis://a/1e1',
      'redis://a/0x1',
      'redis://a/x',
      'redis://a/1/2',
      'redis://a,b/1',
      'redis+sentinel://a',
    ],
    'must be redis://host:port or ',
  ],
  [['NOTIFIER_REDIS_PREFIX'], ['{a}', 'a b', 'x'.repeat(65)], 'must be 1 to 64 characters '],
  [['NOTIFIER_SYNC'], ['none'], 'must be full or process'],
  [['NOTIFIER_AUTH'], ['off', 'None'], 'must be none'],
  [['NOTIFIER_LOG_LEVEL'], ['verbose'], 'must be fatal or '],
  [
    ['NOTIFIER_ALLOWED_ORIGINS'],
    [
      'app.example',
      'https://app.example/',
      'https://*.example',
      'null',
      'https://a.example https://b.example',
    ],
    'must list origins ',
  ],
];

function warningsOf(environment: Readonly<Record<string, string>>): readonly string[] {
  return readConfig({ ...environment, NOTIFIER_AUTH: 'none', HOST: '127.0.0.1' }).warnings;
}

describe('the configuration', () => {
  test.each(SETTINGS)('has %s', (name, of, byDefault, value, meaning) => {
    expect(of(readConfig({}))).toEqual(byDefault);
    expect(of(readConfig({ [name]: value }))).toEqual(meaning);
  });

  test.each(SETTINGS)(
    'takes an empty %s for an unset one, as Compose and CI write it',
    (name, of, byDefault) => {
      expect(of(readConfig({ [name]: '' }))).toEqual(byDefault);
    },
  );

  test.each(WRONG.flatMap(([names, values, line]) => names.map((name) => [name, values, line] as const)))(
    'says what %s must be',
    (name, values, line) => {
      for (const value of values) {
        const mistakes = mistakesOf({ [name]: value });
        expect(mistakes).toHaveLength(1);
        expect(mistakes[0]).toMatch(new RegExp(`^${name} ${line}`));
        expect(mistakes[0]).not.toContain(`"${value}"`);
      }
    },
  );

  test('names every mistake at once', () => {
    const mistakes = mistakesOf({
      PORT: '99999',
      NOTIFIER_STORE: 'files',
      NOTIFIER_HEARTBEAT: '0',
      NOTIFIER_MAX_BATCH: '0',
      NOTIFIER_UNHEARD_OF: '1',
    });
    expect(mistakes.map((line) => line.split(' ')[0])).toEqual(
      expect.arrayContaining([
        'PORT',
        'NOTIFIER_STORE',
        'NOTIFIER_HEARTBEAT',
        'NOTIFIER_MAX_BATCH',
        'NOTIFIER_UNHEARD_OF',
      ]),
    );
    expect(mistakes).toHaveLength(5);
  });

  test('suggests the setting that an unknown name was meant to be', () => {
    expect(mistakesOf({ NOTIFIER_MAX_BODY_BYTES: '1' })).toEqual([
      'NOTIFIER_MAX_BODY_BYTES is not a setting of this server; did you mean NOTIFIER_MAX_BODY?',
    ]);
    expect(mistakesOf({ NOTIFIER_BUFER_EVENTS: '1' })).toEqual([
      'NOTIFIER_BUFER_EVENTS is not a setting of this server; did you mean NOTIFIER_BUFFER_EVENTS?',
    ]);
    for (const name of ['NOTIFIER_HEARBEAT', 'NOTIFIER_HEATBEET', 'NOTIFIER_HAERTBEAT']) {
      expect(mistakesOf({ [name]: '1' })).toEqual([
        `${name} is not a setting of this server; did you mean NOTIFIER_HEARTBEAT?`,
      ]);
    }
    for (const name of ['NOTIFIER_HARDBEET', 'NOTIFIER_LARGEST_BUFFER']) {
      expect(mistakesOf({ [name]: '1' })).toEqual([`${name} is not a setting of this server`]);
    }
    expect(mistakesOf({ NOTIFIER_HOST: '::' })).toEqual([
      'NOTIFIER_HOST is not a setting of this server; did you mean HOST?',
    ]);
    expect(mistakesOf({ NOTIFIER_FOO: '1' })).toEqual(['NOTIFIER_FOO is not a setting of this server']);
  });

  test.each([
    ['NOTIFIER_JWT_SECRET_FILE', 'NOTIFIER_JWT_SECRET', '--jwt-secret-file'],
    [
      'NOTIFIER_REDIS_SENTINEL_PASSWORD_FILE',
      'NOTIFIER_REDIS_SENTINEL_PASSWORD',
      '--redis-sentinel-password-file',
    ],
    ['NOTIFIER_API_KEYS_FILE', 'NOTIFIER_API_KEYS', '--api-keys-file'],
  ])('leads nobody who sets %s to a path in the place of the secret', (name, secret, flag) => {
    expect(mistakesOf({ [name]: '/run/secrets/x' })).toEqual([
      `${name} is not a setting of this server; ${secret} holds the secret itself, which only "notifier serve" reads from a file: ${flag}`,
    ]);
  });

  test('warns of names that are a slip away from being its own', () => {
    const slips = { NOTIFER_STORE: 'memory', NOTIFIRE_BUFFER_TTL: '1' };
    expect(warningsOf({ ...slips, NOTFIER_PORT: '1', OTHER_STORE: 'x', STORE: 'x' })).toEqual([
      'NOTIFER_STORE is not read; did you mean NOTIFIER_STORE?',
      'NOTIFIRE_BUFFER_TTL is not read; did you mean NOTIFIER_BUFFER_TTL?',
    ]);
  });

  test('warns of settings that do not fit one another', () => {
    expect(warningsOf({})).toEqual([]);
    expect(warningsOf({ NOTIFIER_BUFFER_BYTES: '262144', NOTIFIER_SHUTDOWN_DELAY: '5.9' })).toEqual([]);
    expect(warningsOf({ NOTIFIER_BUFFER_BYTES: '262143' })).toEqual([
      'NOTIFIER_MAX_EVENT (262144) is more than NOTIFIER_BUFFER_BYTES (262143): a larger event is trimmed as soon as it is stored, with all that its user has',
    ]);
    expect(warningsOf({ NOTIFIER_BUFFER_TOTAL_BYTES: '262144' })).toEqual([]);
    expect(warningsOf({ NOTIFIER_BUFFER_TOTAL_BYTES: '262143' })).toEqual([
      'NOTIFIER_MAX_EVENT (262144) is more than NOTIFIER_BUFFER_TOTAL_BYTES (262143): a larger event is trimmed as soon as it is stored, and so may be what other users have',
    ]);
    expect(warningsOf({ NOTIFIER_BUFFER_EVENTS: '100', NOTIFIER_MAX_BATCH: '100' })).toEqual([]);
    expect(warningsOf({ NOTIFIER_BUFFER_EVENTS: '100' })).toEqual([
      'NOTIFIER_MAX_BATCH (1000) is more than NOTIFIER_BUFFER_EVENTS (100): of a larger push to one user the first events are trimmed as soon as they are stored, and no connection gets them',
    ]);
    expect(warningsOf({ NOTIFIER_SHUTDOWN_GRACE: '2' })).toEqual([
      'NOTIFIER_SHUTDOWN_DELAY (2) leaves nothing of NOTIFIER_SHUTDOWN_GRACE (2): connections are cut before their clients are told',
    ]);
  });

  test('ignores what Kubernetes injects for a Service called notifier, and every name that is not its own', () => {
    const injected = {
      NOTIFIER_SERVICE_HOST: '10.0.0.1',
      NOTIFIER_SERVICE_PORT: '8080',
      NOTIFIER_SERVICE_PORT_HTTP: '8080',
      NOTIFIER_PORT: 'tcp://10.0.0.1:8080',
      NOTIFIER_PORT_8080_TCP: 'tcp://10.0.0.1:8080',
      NOTIFIER_PORT_8080_TCP_ADDR: '10.0.0.1',
      NOTIFIERS: 'x',
      notifier_x: 'x',
      NODE_ENV: 'production',
    };
    expect(readConfig(injected)).toEqual(readConfig({}));
  });

  test('warns of a NOTIFIER_PORT that somebody has set', () => {
    expect(readConfig({ NOTIFIER_PORT: '9000' }).warnings).toContain(
      'NOTIFIER_PORT=9000 is not read: the setting is called PORT',
    );
  });

  test.each(['0.0.0.0', '::', '10.0.0.1', 'notifier.example', '127.0.0.1.example', 'localhost.example'])(
    'refuses to be open on %s without being told so',
    (host) => {
      expect(mistakesOf({ HOST: host })[0]).toContain(
        `HOST=${host} is not a loopback address, and nothing says who may `,
      );
      expect(readConfig({ HOST: host, NOTIFIER_AUTH: 'none' }).isLoopbackOnly).toBe(false);
    },
  );

  test.each(['127.0.0.1', '127.9.9.9', 'localhost', '::1'])('may be open on %s', (host) => {
    expect(readConfig({ HOST: host })).toMatchObject({ host, isLoopbackOnly: true });
  });

  test('listens on every address once both sides are authenticated, or nobody is meant to be', () => {
    const subscribers = { NOTIFIER_JWT_SECRET: 'x'.repeat(32) };
    const connectors = { NOTIFIER_API_KEYS: `a:${'x'.repeat(16)}:push` };
    expect(readConfig({ ...subscribers, ...connectors }).host).toBe('0.0.0.0');
    expect(readConfig({ NOTIFIER_AUTH: 'none' }).host).toBe('0.0.0.0');
    for (const half of [subscribers, connectors]) {
      expect(readConfig(half)).toMatchObject({ host: '127.0.0.1', isLoopbackOnly: true });
      expect(mistakesOf({ ...half, HOST: '0.0.0.0' })).toHaveLength(1);
    }
  });

  test('has whole milliseconds where fractions of seconds have none in binary', () => {
    expect(readConfig({ NOTIFIER_HEARTBEAT: '1.001' }).heartbeatMs).toBe(1001);
  });

  test('cannot be changed once it is read', () => {
    const config = readConfig({}) as { port: number };
    expect(() => (config.port = 1)).toThrow(TypeError);
  });

  test('is read or refused in whole lines, whatever the environment holds', () => {
    const name = fc.oneof(
      fc.constantFrom(...SETTINGS.map(([setting]) => setting), 'NOTIFIER_AUTH', 'NOTIFIER_TRUST_PROXY'),
      fc.constantFrom(
        'NOTIFIER_API_KEYS',
        'NOTIFIER_JWT_SECRET',
        'NOTIFIER_AUTH_URL',
        'NOTIFIER_JWT_JWKS_URL',
      ),
      fc.string().map((text) => `NOTIFIER_${text}`),
    );
    const value = fc.oneof(fc.string({ unit: 'binary' }), fc.integer().map(String), fc.webUrl(), fc.domain());
    fc.assert(
      fc.property(fc.dictionary(name, value, { maxKeys: 5 }), (environment) => {
        for (const mistake of mistakesOf(environment)) expect(mistake.length).toBeGreaterThan(10);
      }),
      { numRuns: FUZZ_RUNS },
    );
  });
});

test(
  'a server says at its start which setting it does not read',
  async () => {
    const server = await startServer({ NOTIFIER_PORT: '9000' });
    await server.stop();
    expect(server.stderr).toContain('NOTIFIER_PORT=9000 is not read: the setting is called PORT');
  },
  BUILD_MS,
);

describe('a server whose configuration is wrong', () => {
  test('says every mistake in a line of its own and exits with 78', async () => {
    const server = await spawnServer({
      PORT: '-1',
      HOST: '10.9.9.9',
      NOTIFIER_SYNC: 'maybe',
      NOTIFIER_HARTBEAT: '5',
    });
    expect(await server.exited()).toEqual({ code: EXIT_CONFIG, signal: null });
    expect(server.stdout).toBe('');
    expect(server.stderr.trimEnd().split('\n').toSorted()).toEqual([
      expect.stringMatching(
        /^notifier: HOST=10\.9\.9\.9 is not a loopback address, and nothing says who may /,
      ),
      'notifier: NOTIFIER_HARTBEAT is not a setting of this server; did you mean NOTIFIER_HEARTBEAT?',
      'notifier: NOTIFIER_SYNC must be full or process',
      'notifier: PORT must be an integer from 0 to 65535',
    ]);
  });
});
