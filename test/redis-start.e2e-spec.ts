import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { BUILD_MS, builtEntry } from './support/build.js';
import { event, push, pushed } from './support/http.js';
import { freePort, RedisProcess } from './support/redis-server.js';
import { SocketClient } from './support/socket-client.js';
import { spawnServer, type ServerProcess } from './support/start-server.js';
import { eventually } from './support/wait.js';
import { isReady } from './support/ready.js';

const CERTIFICATES = resolve(import.meta.dirname, 'certificates');
const certificate = (name: string) => resolve(CERTIFICATES, `${name}.cert.pem`);

let redis: RedisProcess | undefined;
let server: ServerProcess | undefined;

beforeAll(async () => {
  await builtEntry();
}, BUILD_MS);

afterEach(async () => {
  await server?.kill();
  await redis?.remove();
  server = undefined;
  redis = undefined;
});

async function start(url: string, environment = {}): Promise<ServerProcess> {
  server = await spawnServer({ NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: url, ...environment });
  await server.listening();
  return server;
}

/** Waits until the log says something, once. */
async function said(node: ServerProcess, text: string): Promise<void> {
  await eventually(() => node.stderr.includes(text), `the log says: ${text}`);
}

test.each(['allkeys-lru', 'allkeys-random', 'volatile-ttl'])(
  'the eviction policy %s is warned about',
  async (policy) => {
    redis = await RedisProcess.start('--maxmemory-policy', policy);
    const node = await start(redis.url, { NOTIFIER_LOG_LEVEL: 'warn' });
    await said(node, `maxmemory-policy ${policy}`);
    expect(node.stderr).toContain('set noeviction');
    await eventually(() => isReady(node.url), 'the node is ready all the same');
  },
);

test('the eviction policy noeviction is not', async () => {
  redis = await RedisProcess.start('--maxmemory-policy', 'noeviction');
  const node = await start(redis.url, { NOTIFIER_LOG_LEVEL: 'warn' });
  await eventually(() => isReady(node.url), 'the node is ready');
  expect(node.stderr).not.toContain('maxmemory-policy');
});

test('a node that starts before Redis says what it waits for, is not ready, and works once it is there', async () => {
  redis = await RedisProcess.start();
  await redis.kill();
  const node = await start(redis.url);
  await said(node, `waiting for Redis at 127.0.0.1:${redis.port}`);
  await said(node, `Redis at 127.0.0.1:${redis.port} cannot be connected to: connect ECONNREFUSED`);
  expect(await isReady(node.url)).toBe(false);
  expect((await push(node.url, [event('alice', 1, 'early')])).status).toBe(503);
  await redis.restart();
  await eventually(() => isReady(node.url), 'the node is ready');
  await said(node, 'Redis takes events');
  expect(node.stderr.match(/ECONNREFUSED/g)).toHaveLength(1);
  await pushed(node.url, [event('alice', 1, 'stored')]);
});

test('a server that fails in turns is complained of once for each', async () => {
  let attempts = 0;
  const failing = createServer((socket) => {
    const answer = `-ERR reason ${++attempts % 2}\r\n`;
    socket.on('data', () => socket.write(answer)).on('error', () => undefined);
  });
  await once(failing.listen(0, '127.0.0.1'), 'listening');
  const { port } = failing.address() as AddressInfo;
  const node = await start(`redis://127.0.0.1:${port}`, { NOTIFIER_LOG_LEVEL: 'warn' });
  const before = attempts;
  await eventually(() => attempts > before + 20, 'it is tried again and again');
  for (const reason of ['reason 0', 'reason 1']) expect(node.stderr.split(reason)).toHaveLength(2);
  await node.kill();
  failing.close();
});

test.each([
  ['a database that Redis does not have', (url: string) => `${url}/99`, 'DB index is out of range'],
  [
    'Sentinels that are none',
    (url: string) => `${url.replace('redis', 'redis+sentinel')}/main`,
    'unknown command',
  ],
])(
  '%s is said once, however often it is tried',
  async (_what, urlOf, reason) => {
    redis = await RedisProcess.start();
    const node = await start(urlOf(redis.url));
    let asked = 0;
    const tries = async () => {
      const stats = String(await redis!.ask('INFO', 'stats'));
      return Number(/total_connections_received:(\d+)/.exec(stats)![1]) - ++asked;
    };
    const before = await tries();
    await eventually(async () => (await tries()) > before + 5, 'it was tried again and again', 20_000);
    expect(node.stderr.match(/cannot be connected to/g)).toHaveLength(1);
    expect(node.stderr).toContain(reason);
  },
  60_000,
);

describe('over TLS', () => {
  /** A Redis whose certificate is its own CA. */
  async function startTls(): Promise<string> {
    const port = await freePort();
    const own = ['--tls-cert-file', certificate('first'), '--tls-ca-cert-file', certificate('first')];
    const key = ['--tls-key-file', resolve(CERTIFICATES, 'first.key.pem'), '--tls-auth-clients', 'no'];
    redis = await RedisProcess.start('--tls-port', String(port), ...own, ...key);
    await redis.ask('ACL', 'SETUSER', 'default', 'resetpass', '>s3cret');
    return `rediss://:s3cret@127.0.0.1:${port}`;
  }

  test('a server of a CA of one’s own is taken where that CA is named', async () => {
    const node = await start(await startTls(), { NODE_EXTRA_CA_CERTS: certificate('first') });
    await eventually(() => isReady(node.url), 'the node is ready');
    const client = await SocketClient.subscribe(node.url, { access_id: 'alice', last_event_id: null });
    await client.until(({ hasReachedHead }) => hasReachedHead);
    await pushed(node.url, [event('alice', 1, 'one')]);
    await client.untilEvents(1);
    await client.close();
  });

  test.each([
    ['of another CA', { NODE_EXTRA_CA_CERTS: certificate('second') }],
    ['of a CA that is not named', {}],
  ])('a server %s is refused, and the log says what to do', async (_what, environment) => {
    const node = await start(await startTls(), environment);
    await said(node, 'self-signed certificate; NODE_EXTRA_CA_CERTS names the file');
    expect(node.stderr.match(/NODE_EXTRA_CA_CERTS/g)).toHaveLength(1);
    expect(node.stderr).not.toContain('s3cret');
    expect(await isReady(node.url)).toBe(false);
    expect((await push(node.url, [event('alice', 1, 'x')])).status).toBe(503);
  });
});
