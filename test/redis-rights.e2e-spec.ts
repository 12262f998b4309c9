import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { describeEventLog } from './event-log.contract.js';
import { describeNodes } from './nodes.contract.js';
import { event, push, pushed, send } from './support/http.js';
import { RedisClusterProcesses, RedisProcess } from './support/redis-server.js';
import { redisStores } from './support/redis-stores.js';
import { startApp } from './support/start-app.js';
import { spawnServer, type ServerProcess } from './support/start-server.js';
import { BUILD_MS, builtEntry } from './support/build.js';
import { eventually } from './support/wait.js';
import { untilReady } from './support/ready.js';

Logger.overrideLogger(false);

const PASSWORD = 'p@ss:w/rd%';

/** The rights that the operators' page names. */
async function documentedRights(): Promise<string[]> {
  const page = await readFile(resolve(import.meta.dirname, '../docs/operations.md'), 'utf8');
  const [, rights] = /^ACL SETUSER notifier on >password (.*)$/m.exec(page) ?? [];
  return rights!.split(' ');
}

/** Makes the user, without some of the rights. */
async function makeUser(redis: RedisProcess, ...without: string[]): Promise<void> {
  const rights = (await documentedRights()).filter((right) => !without.includes(right));
  await redis.ask('ACL', 'SETUSER', 'notifier', 'reset', 'on', `>${PASSWORD}`, ...rights);
}

const withUser = (url: string) =>
  url.replace('redis://', `redis://notifier:${encodeURIComponent(PASSWORD)}@`);

/** Nobody but the user may do anything. */
async function lock(redis: RedisProcess): Promise<void> {
  await redis.ask('ACL', 'SETUSER', 'default', 'resetkeys', '-@all', '+acl', '+ping', '+info');
}

describe('with a user that has the documented rights and no others, on one server', () => {
  let redis: RedisProcess;
  const url = () => withUser(redis.url);
  beforeAll(async () => {
    redis = await RedisProcess.start();
    await makeUser(redis);
    await lock(redis);
  });
  afterAll(() => redis.remove());
  describeEventLog('RedisEventLog', redisStores(url), { totalBytes: false, histories: 3 });
  describeNodes(url);
  test('nothing was refused', async () => {
    expect(await redis.ask('ACL', 'LOG')).toEqual([]);
  });
});

describe('with a user that has the documented rights and no others, on a cluster', () => {
  let cluster: RedisClusterProcesses;
  const url = () => withUser(cluster.url);
  beforeAll(async () => {
    cluster = await RedisClusterProcesses.start(3);
    await Promise.all(cluster.masters.map((master) => makeUser(master)));
    await Promise.all(cluster.masters.map(lock));
  }, 60_000);
  afterAll(() => cluster.remove());
  describeEventLog('RedisEventLog', redisStores(url), { totalBytes: false, histories: 3 });
  describeNodes(url);
  test('nothing was refused', async () => {
    const logs = await Promise.all(cluster.masters.map((master) => master.ask('ACL', 'LOG')));
    expect(logs).toEqual([[], [], []]);
  });
});

test('Valkey refuses nothing to a user that has the documented rights', async () => {
  const valkey = await RedisProcess.startValkey();
  await makeUser(valkey);
  const app = await startApp({ NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: withUser(valkey.url) });
  await untilReady(app.url);
  expect(await valkey.ask('ACL', 'LOG')).toEqual([]);
  await app.close();
  await valkey.remove();
});

describe('a right that is missing', () => {
  let redis: RedisProcess;
  let server: ServerProcess;

  beforeAll(async () => {
    await builtEntry();
    redis = await RedisProcess.start();
  }, BUILD_MS);
  afterAll(() => redis.remove());

  const isReady = async () => (await send(server.url, '/health/ready')).status === 200;

  test.each([
    ['+evalsha', 'evalsha'],
    ['+eval', 'EVAL:'],
    ['+time', 'TIME'],
    ['+info', 'info'],
    ['+rpush', 'RPUSH'],
    ['+pexpire', 'PEXPIRE'],
    ['+spublish', 'SPUBLISH'],
    ['+ssubscribe', 'ssubscribe'],
    ['&notifier:*', 'SPUBLISH'],
    ['~notifier:*', 'key'],
    ['+ping', 'ping'],
    ['+zadd', 'ZADD'],
  ])(
    '%s keeps the node unready, is named in the log, and once it is given all is well',
    async (right, named) => {
      await makeUser(redis, right);
      server = await spawnServer({
        NOTIFIER_STORE: 'redis',
        NOTIFIER_REDIS_URL: withUser(redis.url),
        NOTIFIER_LOG_LEVEL: 'warn',
      });
      try {
        await server.listening();
        const complaint = new RegExp(`Redis at 127.0.0.1:${redis.port} .*${named}`, 'i');
        await eventually(() => complaint.test(server.stderr), `the log names ${named}`);
        expect(server.stderr).not.toContain(PASSWORD);
        expect(server.stderr.match(/"msg":"Redis at/g)!.length).toBeLessThan(4);
        expect(await isReady()).toBe(false);
        expect((await push(server.url, [event('alice', 1, 'x'), event('bob', 1, 'x')])).status).toBe(503);
        const stored = await redis.ask('KEYS', '*:e:*');
        expect(stored).toEqual([]);
        await makeUser(redis);
        await eventually(isReady, 'the node is ready');
        await pushed(server.url, [event('alice', 1, 'x')]);
      } finally {
        await server.kill();
        await redis.ask('FLUSHALL');
      }
    },
  );

  test('the right to wait for replicas is needed where they are waited for', async () => {
    await makeUser(redis, '+wait');
    server = await spawnServer({
      NOTIFIER_STORE: 'redis',
      NOTIFIER_REDIS_URL: withUser(redis.url),
      NOTIFIER_REDIS_WAIT: '1',
      NOTIFIER_LOG_LEVEL: 'warn',
    });
    try {
      await server.listening();
      await eventually(() => /its ACL refuses WAIT/.test(server.stderr), 'the log names it');
      expect(await isReady()).toBe(false);
      expect((await push(server.url, [event('alice', 1, 'x')])).status).toBe(503);
      expect(await redis.ask('KEYS', '*:e:*')).toEqual([]);
      await makeUser(redis);
      await eventually(isReady, 'the node is ready');
    } finally {
      await server.kill();
      await redis.ask('FLUSHALL');
    }
  });

  test('the right to ask a server to which a slot is moving is needed on a cluster', async () => {
    const cluster = await RedisClusterProcesses.start(3);
    await Promise.all(cluster.masters.map((master) => makeUser(master, '+asking')));
    server = await spawnServer({ NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: withUser(cluster.url) });
    try {
      await server.listening();
      await eventually(() => /its ACL refuses ASKING/.test(server.stderr), 'the log names it');
      expect(await isReady()).toBe(false);
      await Promise.all(cluster.masters.map((master) => makeUser(master)));
      await eventually(isReady, 'the node is ready');
    } finally {
      await server.kill();
      await cluster.remove();
    }
  }, 60_000);

  test('a server that goes on refusing is asked no more often for all its new connections', async () => {
    await makeUser(redis, '+hdel');
    server = await spawnServer({ NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: withUser(redis.url) });
    const scriptCalls = async () => {
      const [, calls = '0'] =
        /cmdstat_evalsha:calls=(\d+)/.exec(String(await redis.ask('INFO', 'commandstats'))) ?? [];
      return Number(calls);
    };
    const perSecond = async () => {
      const [began, before] = [performance.now(), await scriptCalls()];
      await new Promise((done) => setTimeout(done, 2000));
      return ((await scriptCalls()) - before) / ((performance.now() - began) / 1000);
    };
    const clients = async () =>
      String(await redis.ask('CLIENT', 'LIST')).match(/ user=notifier /g)?.length ?? 0;
    try {
      await server.listening();
      await eventually(() => /its ACL refuses/.test(server.stderr), 'the log says it');
      const once = await perSecond();
      for (let i = 0; i < 8; i++) {
        await redis.ask('CLIENT', 'KILL', 'USER', 'notifier');
        await eventually(async () => (await clients()) === 4, 'all connections are back');
        await eventually(async () => (await scriptCalls()) > i, 'it is looked at');
      }
      // The store's loop, and the lease of the cluster once a second: loops that add up ask eight times as often.
      expect(await perSecond()).toBeLessThan(2 * once + 2);
    } finally {
      await server.kill();
      await redis.ask('FLUSHALL');
    }
  }, 60_000);

  test('a wrong password is said, and not shown', async () => {
    await makeUser(redis);
    server = await spawnServer({
      NOTIFIER_STORE: 'redis',
      NOTIFIER_REDIS_URL: `redis://notifier:wrong-secret@127.0.0.1:${redis.port}`,
      NOTIFIER_LOG_LEVEL: 'warn',
    });
    try {
      await server.listening();
      await eventually(() => /cannot be connected to: WRONGPASS/.test(server.stderr), 'the log says it');
      expect(server.stdout + server.stderr).not.toContain('wrong-secret');
      expect(await isReady()).toBe(false);
      await redis.ask('ACL', 'SETUSER', 'notifier', '>wrong-secret');
      await eventually(isReady, 'the node is ready');
    } finally {
      await server.kill();
    }
  });
});
