import { setTimeout as delay } from 'node:timers/promises';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { StoreUnavailableError } from '../src/notifier/event-log.js';
import { parseRedisAddress } from '../src/redis/redis-address.js';
import { slotOf as hashSlotOf } from '../src/redis/slots.js';
import { RedisEventLog } from '../src/storage/redis-event-log.js';
import { partitionOf, slotOfPartition } from '../src/storage/redis/partitions.js';
import { readIdempotencyKey } from '../src/wire/idempotency-key.js';
import { DEFAULT_BOUNDS } from './event-log/harness.js';
import { event, push, pushed } from './support/http.js';
import { framesOf, TEXT } from './support/raw-frames.js';
import { RawWebSocket } from './support/raw-websocket.js';
import { RedisClusterProcesses, RedisProcess } from './support/redis-server.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';
import { untilReady } from './support/ready.js';

const MEMBER = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'];

/** A user whose slot the first of three masters serves. */
const USER = Array.from({ length: 100 }, (_, i) => `user${i}`).find((user) => slotOf(user) < 5000)!;

const endings: (() => Promise<unknown>)[] = [];
let cluster: RedisClusterProcesses;
let app: RunningApp;

beforeEach(async () => {
  cluster = await RedisClusterProcesses.start(3);
  endings.push(() => cluster.remove());
}, 60_000);

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

function slotOf(user: string): number {
  return slotOfPartition(partitionOf(user));
}

/** The partition of the claim of a connector's idempotency key, where connectors have no API keys. */
function partitionOfKey(key: string): number {
  return partitionOf(readIdempotencyKey(key, Buffer.alloc(0), '')!.key);
}

async function start(url = cluster.url, environment = {}): Promise<void> {
  app = await startApp({ NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: url, ...environment });
  endings.push(() => app.close());
  await untilReady(app.url);
}

async function startMember(...args: string[]): Promise<RedisProcess> {
  const member = await RedisProcess.start(...MEMBER, ...args);
  endings.push(() => member.remove());
  return member;
}

async function knowsAll(member: RedisProcess): Promise<boolean> {
  return /cluster_state:ok[^]*cluster_known_nodes:4/.test(String(await member.ask('CLUSTER', 'INFO')));
}

/** Has a server join, and waits until everybody knows everybody. */
async function join(member: RedisProcess): Promise<void> {
  const all = [...cluster.masters, member];
  await member.ask('CLUSTER', 'MEET', '127.0.0.1', cluster.masters[0]!.port);
  await eventually(async () => (await Promise.all(all.map(knowsAll))).every(Boolean), 'it is known');
}

const idOf = async (server: RedisProcess) => String(await server.ask('CLUSTER', 'MYID'));

test('a first server that is in no cluster is passed over for the next one', async () => {
  const lone = await startMember();
  await start(`${lone.url},${cluster.url.slice('redis://'.length)}`);
  await pushed(app.url, [event(USER, 1, 'x')]);
}, 60_000);

test('a master that is cut off from the others is not believed once its replica has its place', async () => {
  const [master, ...others] = cluster.masters;
  const replica = await startMember();
  await join(replica);
  const [masterId, replicaId] = [await idOf(master!), await idOf(replica)];
  await replica.ask('CLUSTER', 'REPLICATE', masterId);
  const follows = async () =>
    String(await replica.ask('INFO', 'replication')).includes('master_link_status:up');
  await eventually(follows, 'the replica follows');
  await start();
  await pushed(app.url, [event(USER, 1, 'before')]);
  // For a minute nodes hear nothing of those that they were told to forget: as if nothing came through.
  for (const other of others) {
    await master!.ask('CLUSTER', 'FORGET', await idOf(other));
    await other.ask('CLUSTER', 'FORGET', masterId);
  }
  await master!.ask('CLUSTER', 'FORGET', replicaId);
  await replica.ask('CLUSTER', 'FAILOVER', 'TAKEOVER');
  await replica.ask('CLUSTER', 'FORGET', masterId);
  await eventually(
    async () => String(await master!.ask('CLUSTER', 'INFO')).includes('cluster_state:fail'),
    'the master is alone',
  );
  expect(String(await master!.ask('ROLE'))).toMatch(/^master/);
  const isStored = async () => (await push(app.url, [event(USER, 2, 'after')])).status === 200;
  await eventually(isStored, 'the node has found the new master');
}, 60_000);

/** Leads to a server, and is far away from it. */
async function farAway(target: () => number, ms: number): Promise<number> {
  const server = createServer((inbound) => {
    const outbound = connect(target(), '127.0.0.1');
    const pass = (from: Socket, to: Socket) => {
      from.on('data', (chunk: Buffer) => void delay(ms).then(() => to.write(chunk)));
      from.on('close', () => to.destroy()).on('error', () => undefined);
    };
    pass(inbound, outbound);
    pass(outbound, inbound);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  endings.push(async () => void server.close());
  return (server.address() as AddressInfo).port;
}

test('a new node to which a slot is moving is waited for once and kept connected', async () => {
  const [master] = cluster.masters;
  // Farther than the 50 ms between two attempts.
  const port = await farAway(() => member.port, 50);
  const member = await startMember('--cluster-announce-port', String(port));
  await join(member);
  await start();
  await pushed(app.url, [event(USER, 1, 'before')]);
  const slot = slotOf(USER);
  await member.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', await idOf(master!));
  await master!.ask('CLUSTER', 'SETSLOT', slot, 'MIGRATING', await idOf(member));
  const keys = (await master!.ask('CLUSTER', 'GETKEYSINSLOT', slot, 1000)) as string[];
  await master!.ask('MIGRATE', '127.0.0.1', member.port, '', 0, 5000, 'KEYS', ...keys);
  const connections = async () => {
    const list = String(await member.ask('CLIENT', 'LIST', 'TYPE', 'normal'));
    return list
      .split('\n')
      .filter((line) => /cmd=(evalsha|eval|ping|asking)/.test(line))
      .map((line) => line.split(' ')[0]);
  };
  await pushed(app.url, [event(USER, 2, 'meanwhile')]);
  const before = await connections();
  // Who serves what is asked every two seconds.
  const asked = async () =>
    Number(/cluster\|slots:calls=(\d+)/.exec(String(await master!.ask('INFO', 'commandstats')))![1]);
  const until = (await asked()) + 4;
  while ((await asked()) < until) await pushed(app.url, [event(USER, 3, 'meanwhile')]);
  expect(before.length).toBeGreaterThan(0);
  expect(await connections()).toEqual(expect.arrayContaining(before));
}, 60_000);

/** Moves a slot with all that is in it, between two questions of a node who serves what. */
async function move(slot: number, source: RedisProcess, target: RedisProcess): Promise<void> {
  const targetId = await idOf(target);
  await target.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', await idOf(source));
  await source.ask('CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId);
  const keys = (await source.ask('CLUSTER', 'GETKEYSINSLOT', slot, 1000)) as string[];
  await source.ask('MIGRATE', '127.0.0.1', target.port, '', 0, 5000, 'KEYS', ...keys);
  for (const server of [target, source]) await server.ask('CLUSTER', 'SETSLOT', slot, 'NODE', targetId);
}

test('a channel that is lost because its slot left and came back is subscribed again', async () => {
  const [master, other] = cluster.masters;
  await start(cluster.url, { NOTIFIER_HEARTBEAT: '1' });
  const client = await SocketClient.subscribe(app.url, { access_id: USER, last_event_id: null });
  await client.until(({ hasReachedHead }) => hasReachedHead);
  await pushed(app.url, [event(USER, 1, 'before')]);
  const channels = async () =>
    ((await master!.ask('PUBSUB', 'SHARDCHANNELS', `*:c:${USER}`)) as string[]).length;
  expect(await channels()).toBe(1);
  await move(slotOf(USER), master!, other!);
  await move(slotOf(USER), other!, master!);
  expect(await channels()).toBe(0);
  // The first heartbeat after this event finds it, and that nobody announced it.
  await pushed(app.url, [event(USER, 2, 'after')]);
  await eventually(async () => (await channels()) === 1, 'the channel is subscribed');
  expect(client.closeCode).toBeUndefined();
  await client.close();
}, 60_000);

test('a node hears the others again whose questions are lost because their slot was nobody’s for a moment', async () => {
  await start();
  const slot = hashSlotOf('nodes');
  const master = cluster.masters[Math.floor((slot * cluster.masters.length) / 16_384)]!;
  const channels = () => master.ask('PUBSUB', 'SHARDCHANNELS', 'notifier:{nodes}:*') as Promise<string[]>;
  await eventually(async () => (await channels()).length === 2, 'it hears the others');
  await master.ask('CLUSTER', 'DELSLOTS', slot);
  expect(await channels()).toEqual([]);
  await master.ask('CLUSTER', 'ADDSLOTS', slot);
  await eventually(async () => (await channels()).length === 2, 'it hears them again');
}, 60_000);

test('pushes that do not wait for each other are stored in their order, whichever key is claimed first', async () => {
  await start();
  const client = await SocketClient.subscribe(app.url, { access_id: USER, last_event_id: null });
  await client.until(({ hasReachedHead }) => hasReachedHead);
  const numbers = Array.from({ length: 300 }, (_, i) => i);
  const connector = await RawWebSocket.open(app.url, '/push_events', {});
  // The keys are with all three servers, but for those of every tenth push, which has none.
  const messageOf = (i: number) => {
    const events = [event(USER, 1, i)];
    return JSON.stringify(i % 10 === 0 ? events : { idempotency_key: `key${i}`, events });
  };
  connector.write(framesOf(numbers.map((i) => ({ op: TEXT, data: messageOf(i) }))));
  await client.untilEvents(numbers.length);
  expect(client.payloads()).toEqual(numbers);
  await connector.raw.until(() => connector.texts.length === numbers.length);
  expect(new Set(connector.texts)).toEqual(new Set(['true']));
  connector.destroy();
  await client.close();
}, 60_000);

test('a push is stored although one before it, to the same user, waits for a server that it does not need', async () => {
  await start();
  const keys = Array.from({ length: 100 }, (_, i) => `key${i}`);
  const slotOfKey = (one: string) => slotOfPartition(partitionOfKey(one));
  const key = keys.find((one) => slotOfKey(one) > 6000 && slotOfKey(one) < 10_000)!;
  const server = cluster.masters[1]!;
  const answered: string[] = [];
  const pushOf = async (what: string, headers = {}) => {
    const { status } = await push(app.url, [event(USER, 1, what)], headers);
    answered.push(what);
    return status;
  };
  server.pause();
  const waiting = pushOf('of two servers', { 'Idempotency-Key': key });
  await delay(100);
  expect(await pushOf('of one')).toBe(200);
  expect(answered).toEqual(['of one']);
  server.resume();
  await waiting;
}, 60_000);

test('a repeat is known, and other events are a conflict, where key and user share a partition', async () => {
  await start();
  const keys = Array.from({ length: 20_000 }, (_, i) => `key${i}`);
  const key = keys.find((one) => partitionOfKey(one) === partitionOf(USER))!;
  const pushOf = async (payload: string) =>
    (await push(app.url, [event(USER, 1, payload)], { 'Idempotency-Key': key })).status;
  expect([await pushOf('x'), await pushOf('x'), await pushOf('y')]).toEqual([200, 200, 422]);
}, 60_000);

test('a server that is gone says nothing of its users, and keeps nothing that is said of those of the others', async () => {
  for (const master of cluster.masters) {
    await master.ask('CONFIG', 'SET', 'cluster-require-full-coverage', 'no');
  }
  const target = { address: parseRedisAddress(cluster.url)!, prefix: 'notifier', waitReplicas: 0 };
  const log = new RedisEventLog(DEFAULT_BOUNDS, target);
  endings.push(() => log.close());
  await eventually(() => log.isReady(), 'Redis takes events');
  const far = Array.from({ length: 100 }, (_, i) => `user${i}`).find((user) => slotOf(user) > 11_000)!;
  const cursorAt = async (accessId: string) => {
    const { head, store } = await log.view(accessId, 0);
    const { epoch, seq, tag, drops } = head!;
    return { accessId, position: { epoch, seq, tag }, drops, losses: store.losses };
  };
  const store = (accessId: string) => log.append({ events: [{ accessId, createdAt: 1, text: '1' }] });
  for (const user of [USER, far]) await store(user);
  const cursors = [await cursorAt(far), await cursorAt(USER)];
  await store(USER);
  expect(await log.survey(cursors)).toEqual({ astray: [1], unknown: 0 });
  await cluster.masters[2]!.kill();
  expect(await log.survey(cursors)).toEqual({ astray: [1], unknown: 1 });
  await expect(log.survey(cursors.slice(0, 1))).rejects.toThrow(StoreUnavailableError);
}, 60_000);
