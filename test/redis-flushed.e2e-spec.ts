import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { parseRedisAddress } from '../src/redis/redis-address.js';
import { partitionOf } from '../src/storage/redis/partitions.js';
import { RedisEventLog } from '../src/storage/redis-event-log.js';
import { DEFAULT_BOUNDS } from './event-log/harness.js';
import { drop, event, pushed, send } from './support/http.js';
import { RedisProcess } from './support/redis-server.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';

const RESUMABLE = { access_id: 'alice', last_event_id: null };

let redis: RedisProcess;
const nodes: RunningApp[] = [];
const clients: SocketClient[] = [];

beforeEach(async () => {
  redis = await RedisProcess.start();
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.terminate()));
  await Promise.all(nodes.splice(0).map((node) => node.close()));
  await redis.remove();
});

async function isReady({ url }: RunningApp): Promise<boolean> {
  return (await send(url, '/health/ready')).status === 200;
}

async function start(environment = {}): Promise<RunningApp> {
  const own = { NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: redis.url, ...environment };
  const node = await startApp(own);
  nodes.push(node);
  await eventually(() => isReady(node), 'the node is ready');
  return node;
}

async function subscribe({ url }: RunningApp, first: object): Promise<SocketClient> {
  const client = await SocketClient.subscribe(url, first);
  clients.push(client);
  await client.until(({ hasReachedHead }) => hasReachedHead);
  return client;
}

/** Fills the store through one node, and tells the ids and positions that clients had from it. */
async function history(node: RunningApp): Promise<string[]> {
  await pushed(node.url, [event('alice', 10, 'one'), event('alice', 11, 'two')]);
  const client = await subscribe(node, { ...RESUMABLE, timestamp: 0 });
  const nobody = await subscribe(node, { access_id: 'nobody', last_event_id: null });
  await client.untilEvents(2);
  return [...client.ids(), nobody.subscribed()!.last_event_id];
}

/** What a client that comes to `node` is told, by each of the ids and by time. */
async function verdicts(node: RunningApp, ids: readonly string[]): Promise<boolean[]> {
  const starts = [
    ...ids.map((id) => ({ access_id: 'alice', last_event_id: id })),
    ...ids.map((id) => ({ access_id: 'nobody', last_event_id: id, timestamp: 0 })),
    { ...RESUMABLE, timestamp: 10 },
    { access_id: 'nobody', last_event_id: null, timestamp: 10 },
  ];
  const all: boolean[] = [];
  for (const first of starts) all.push((await subscribe(node, first)).subscribed()!.recovered);
  return all;
}

test('after FLUSHALL with no node there, a new one tells nobody that nothing is missing', async () => {
  const ids = await history(await start());
  await nodes.pop()!.close();
  await redis.ask('FLUSHALL');
  expect(new Set(await verdicts(await start(), ids))).toEqual(new Set([false]));
});

test('after FLUSHALL a node that starts before the others notice tells nobody that nothing is missing', async () => {
  const witness = await start();
  const ids = await history(witness);
  await redis.ask('FLUSHALL');
  const newcomer = await start();
  await pushed(newcomer.url, [event('alice', 12, 'new')]);
  expect(new Set(await verdicts(newcomer, ids))).toEqual(new Set([false]));
  expect(new Set(await verdicts(witness, ids))).toEqual(new Set([false]));
});

test('whoever was there before other data took the place of the old says so, whatever nobody else could know', async () => {
  const open = async () => {
    const address = parseRedisAddress(redis.url)!;
    const log = new RedisEventLog(DEFAULT_BOUNDS, { address, prefix: 'own', waitReplicas: 0 });
    await eventually(() => log.isReady(), 'Redis takes events');
    return log;
  };
  const witness = await open();
  await witness.append({ events: [{ accessId: 'alice', createdAt: 1, text: '1' }] });
  // Taken away so that the server itself does not know of it.
  const partition = partitionOf('alice');
  await redis.ask('DEL', `own:{p${partition}}:h`, `own:{p${partition}}:e:alice`);
  const newcomer = await open();
  await newcomer.append({ events: [{ accessId: 'alice', createdAt: 2, text: '2' }] });
  expect((await newcomer.view('alice', 0)).store.tailLost).toBe(false);
  const position = { epoch: 'whatever', seq: 1, tag: 1 };
  await witness.survey([{ accessId: 'alice', position, drops: 0, losses: 0 }]);
  expect((await newcomer.view('alice', 0)).store.tailLost).toBe(true);
  const { losses } = (await newcomer.view('alice', 0)).store;
  await newcomer.survey([{ accessId: 'alice', position, drops: 0, losses }]);
  expect((await newcomer.view('alice', 0)).store.losses).toBe(losses);
  await Promise.all([witness.close(), newcomer.close()]);
});

test('a server from which nothing was taken tells a new store that nothing is missing', async () => {
  const node = await start();
  expect((await subscribe(node, { ...RESUMABLE, timestamp: 10 })).subscribed()!.recovered).toBe(true);
});

test('drops count after FLUSHALL, however often the user was dropped before', async () => {
  const here = await start({ NOTIFIER_HEARTBEAT: '1' });
  const there = await start();
  for (let i = 0; i < 3; i++) await drop(here.url, 'alice');
  const before = await subscribe(here, RESUMABLE);
  await redis.ask('FLUSHALL');
  // It comes before the other one is told to go, and the node never forgets the user in between.
  const after = await SocketClient.subscribe(here.url, RESUMABLE);
  clients.push(after);
  expect((await before.closed()).code).toBe(4008);
  await after.until(({ hasReachedHead, closeCode }) => hasReachedHead || closeCode !== undefined);
  await drop(there.url, 'alice');
  expect((await after.closed()).code).toBe(4503);
});
