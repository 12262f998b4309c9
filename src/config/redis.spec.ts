import { expect, test } from '@jest/globals';
import { mistakesOf } from '../../test/support/mistakes.js';
import { readConfig } from '../config.js';

const warningsOf = (environment: Readonly<Record<string, string>>) =>
  readConfig({ ...environment, NOTIFIER_AUTH: 'none', HOST: '127.0.0.1' }).warnings;

test('takes what the Sentinels want to be shown, and says where there are none', () => {
  const url = { NOTIFIER_REDIS_URL: 'redis+sentinel://a/main', NOTIFIER_STORE: 'redis' };
  const named = { NOTIFIER_REDIS_SENTINEL_USER: 'u', NOTIFIER_REDIS_SENTINEL_PASSWORD: 'p' };
  expect(readConfig(url).redis.address.sentinels).toBeUndefined();
  expect(readConfig({ ...url, ...named }).redis.address.sentinels).toEqual({
    username: 'u',
    password: 'p',
  });
  expect(warningsOf({ ...url, ...named })).toEqual([]);
  expect(warningsOf({ ...url, ...named, NOTIFIER_REDIS_URL: 'redis://a' })).toEqual([
    'NOTIFIER_REDIS_SENTINEL_PASSWORD is not used: NOTIFIER_REDIS_URL names no Sentinels',
  ]);
  expect(mistakesOf({ ...url, NOTIFIER_REDIS_SENTINEL_USER: 'u' })).toEqual([
    'NOTIFIER_REDIS_SENTINEL_USER needs NOTIFIER_REDIS_SENTINEL_PASSWORD',
  ]);
});

test('says that a password is percent-encoded, and does not show it', () => {
  for (const password of ['p/ss', 'p@ss']) {
    const [mistake] = mistakesOf({ NOTIFIER_REDIS_URL: `redis://u:${password}@a:6379` });
    expect(mistake).toMatch(/^NOTIFIER_REDIS_URL must be redis:.*percent-encoded/);
    expect(mistake).not.toContain(password);
  }
  expect(mistakesOf({ NOTIFIER_REDIS_URL: 'a:6379' })).toEqual([expect.not.stringContaining('percent')]);
});

test('warns of a bound that Redis does not know', () => {
  const bound = { NOTIFIER_BUFFER_TOTAL_BYTES: '1000000' };
  expect(warningsOf(bound)).toEqual([]);
  expect(warningsOf({ ...bound, NOTIFIER_STORE: 'redis' })).toEqual([
    'NOTIFIER_BUFFER_TOTAL_BYTES is not used: NOTIFIER_STORE is redis, and what bounds it is maxmemory',
  ]);
});

const prefixOf = (url: string) => readConfig({ NOTIFIER_REDIS_URL: url }).redis.prefix;

test('tells the channels of one database from those of another', () => {
  expect(['redis://a', 'redis://a/0', 'redis://a/3'].map(prefixOf)).toEqual([
    'notifier',
    'notifier',
    'notifier:db3',
  ]);
});

test.each(['NOTIFIER_REDIS_URL', 'NOTIFIER_REDIS_WAIT', 'NOTIFIER_REDIS_PREFIX'])(
  'warns of a %s that the store does not use',
  (name) => {
    const value = name === 'NOTIFIER_REDIS_URL' ? 'redis://a' : '1';
    expect(warningsOf({ [name]: value, NOTIFIER_STORE: 'redis' })).toEqual([]);
    expect(warningsOf({ [name]: value })).toEqual([
      `${name} is not used: NOTIFIER_STORE is lmdb, and what this node stores no other node has; set NOTIFIER_STORE=redis if there are several`,
    ]);
  },
);
