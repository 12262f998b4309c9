import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { EXIT } from '../src/cli/exit-codes.js';
import { BUILD_MS, builtEntry } from './support/build.js';
import { run } from './support/command.js';
import { RedisProcess } from './support/redis-server.js';

let redis: RedisProcess;

beforeAll(async () => {
  await builtEntry();
  redis = await RedisProcess.start();
}, BUILD_MS);

afterEach(async () => {
  await redis.ask('CONFIG', 'SET', 'maxmemory-policy', 'noeviction', 'appendonly', 'no');
});

afterAll(() => redis.remove());

const doctor = (environment: Record<string, string> = {}) =>
  run(['doctor'], {
    NOTIFIER_MAX_CONNECTIONS: '10',
    NOTIFIER_STORE: 'redis',
    NOTIFIER_REDIS_URL: redis.url,
    ...environment,
  });

const set = (...settings: string[]) => redis.ask('CONFIG', 'SET', ...settings);

test('finds nothing where Redis is set for every promise', async () => {
  await set('appendonly', 'yes', 'appendfsync', 'always');
  const { code, stdout } = await doctor();
  expect([code, stdout]).toEqual([0, expect.not.stringMatching(/PROBLEM|warning.*Redis/)]);
  expect(stdout).toMatch(/^ok {7}Redis: 127\.0\.0\.1:\d+ is Redis \d+\.\d/m);
  expect(stdout).toMatch(/^ok {7}Redis: .* evicts nothing/m);
  expect(stdout).toMatch(/^ok {7}Redis: .* writes every push to its file/m);
});

test.each([
  ['allkeys-lru', 'may evict logs and what is remembered of them'],
  ['volatile-ttl', 'may evict events and idempotency keys'],
])('finds the eviction policy %s', async (policy, what) => {
  await set('maxmemory-policy', policy);
  const { code, stdout } = await doctor();
  expect(code).toBe(EXIT.no);
  expect(stdout).toMatch(new RegExp(`^PROBLEM  Redis: .* ${what}.*${policy}.*\n +set it to noeviction`, 'm'));
});

test('warns of a Redis that keeps no file, or not every push', async () => {
  expect((await doctor()).stdout).toMatch(/^warning {2}Redis: .* keeps no file/m);
  await set('appendonly', 'yes', 'appendfsync', 'everysec');
  expect((await doctor()).stdout).toMatch(/^warning {2}Redis: .* may lose its last second.*everysec/m);
});

test('finds replicas that are missing', async () => {
  const { code, stdout } = await doctor({ NOTIFIER_REDIS_WAIT: '1' });
  expect(code).toBe(EXIT.no);
  expect(stdout).toMatch(/^PROBLEM {2}Redis: .* has 0 replicas, and 1 must/m);
});

test('warns where the settings cannot be read', async () => {
  await redis.ask('ACL', 'SETUSER', 'blind', 'reset', 'on', '>secret', '~*', '&*', '+@all', '-config');
  const { stdout } = await doctor({ NOTIFIER_REDIS_URL: redis.url.replace('//', '//blind:secret@') });
  expect(stdout).toMatch(/^warning {2}Redis: .* does not let this user read its settings/m);
});

test('finds a Redis that is not there', async () => {
  const gone = await doctor({ NOTIFIER_REDIS_URL: 'redis://127.0.0.1:1' });
  expect(gone.code).toBe(EXIT.no);
  expect(gone.stdout).toMatch(/^PROBLEM {2}Redis: no answer from 127\.0\.0\.1:1 \(.*ECONNREFUSED/m);
});

test('finds a Redis Cluster that is not there, and says why of each node', async () => {
  const gone = await doctor({ NOTIFIER_REDIS_URL: `${redis.url},127.0.0.1:1` });
  expect(gone).toMatchObject({ code: EXIT.no, stderr: expect.not.stringContaining('Error') });
  expect(gone.stdout).toMatch(/^PROBLEM {2}Redis: no answer .*cluster support disabled; .*ECONNREFUSED/m);
});

test('finds a database that is not there, and says so', async () => {
  const { code, stdout } = await doctor({ NOTIFIER_REDIS_URL: `${redis.url}/99` });
  expect(code).toBe(EXIT.no);
  expect(stdout).toMatch(/^PROBLEM {2}Redis: no answer .*DB index is out of range\)/m);
});

test('finds a Redis that does not know the password, and does not show it', async () => {
  const denied = await doctor({ NOTIFIER_REDIS_URL: redis.url.replace('//', '//nobody:hidden@') });
  expect(denied.stdout).toMatch(/^PROBLEM {2}Redis: no answer from .*WRONGPASS/m);
  expect(denied.stdout).not.toContain('hidden');
});
