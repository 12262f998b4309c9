import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Cluster } from '../src/notifier/cluster.js';
import { get, json } from './support/http.js';
import { RedisProcess } from './support/redis-server.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';
import { collectGarbage } from './support/garbage.js';
import { untilReady } from './support/ready.js';

const NODES = 3;

/** How long a node that is none is believed to live. */
const LEASE_MS = 5000;

let redis: RedisProcess;
const nodes: RunningApp[] = [];
const clients: SocketClient[] = [];

beforeAll(async () => {
  redis = await RedisProcess.start();
  for (let i = 0; i < NODES; i++) {
    const { url } = await start();
    await subscribe(url, 'a');
  }
});

async function start(): Promise<RunningApp> {
  const node = await startApp({ NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: redis.url });
  nodes.push(node);
  await untilReady(node.url);
  return node;
}

async function subscribe(url: string, accessId: string): Promise<void> {
  clients.push(await SocketClient.subscribe(url, { access_id: accessId, timestamp: 0 }));
}

afterAll(async () => {
  await Promise.all(clients.map((client) => client.terminate()));
  await Promise.all(nodes.map((node) => node.close()));
  await redis.remove();
});

interface Answer {
  readonly clients: readonly { readonly access_id: string }[];
  readonly next: string | null;
  readonly connections: readonly { readonly node: string; readonly form: string }[];
  readonly nodes: readonly { readonly node: string }[];
}

const ask = async (path: string) => json(await get(nodes[0]!.url, path)) as Answer;
const forms = async (accessId = 'a') =>
  (await ask(`/clients?access_id=${accessId}`)).connections.map(({ form }) => form);

test('a node waits for the answers of all the others, and for no longer than 500 ms for one that does not answer', async () => {
  const all = new Array(NODES).fill('plain');
  await eventually(async () => String(await forms()) === String(all), 'every node is known to the first');
  for (let i = 0; i < 20; i++) expect(await forms()).toEqual(all);
  await redis.ask('ZADD', 'notifier:{nodes}:leases', Date.now() + LEASE_MS, 'silent');
  await eventually(async () => (await forms()).length > NODES, 'the silent one is asked');
  const { connections } = await ask('/clients?access_id=a');
  expect(connections).toContainEqual({ node: 'silent', form: 'unknown' });
  expect(connections.filter(({ form }) => form === 'plain')).toHaveLength(NODES);
  expect((await ask('/console/figures')).nodes).toContainEqual({
    node: 'silent',
    started_at: null,
    samples: null,
  });
  await eventually(async () => String(await forms()) === String(all), 'its lease is over');
});

test('a node keeps nothing of what it was answered', async () => {
  const cluster = nodes[0]!.app.get(Cluster);
  await eventually(async () => (await cluster.connectionsOf('a')).length === NODES, 'all are known to it');
  const answers = [...(await cluster.connectionsOf('a'))];
  const kept = answers.map((answer) => new WeakRef(answer));
  answers.splice(0);
  await eventually(() => {
    collectGarbage();
    return kept.every((answer) => answer.deref() === undefined);
  }, 'nothing is kept of it');
});

test('leases outlive the last node by no more than their time', async () => {
  const left = Number(await redis.ask('PTTL', 'notifier:{nodes}:leases'));
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(LEASE_MS);
});

test('it pages through the users of all, and searches among them', async () => {
  const users = ['b1', 'b2', 'b3', 'c1'];
  for (const user of users) await subscribe(nodes[1]!.url, user);
  const found = async (query: string) => {
    const names: string[] = [];
    for (let after: string | null = 'a'; after !== null;) {
      const page: Answer = await ask(`/clients?limit=1&after=${after}${query}`);
      names.push(...page.clients.map((client) => client.access_id));
      after = page.next;
    }
    return names;
  };
  await eventually(async () => String(await found('')) === String(users), 'all of them');
  expect(await found('&containing=c')).toEqual(['c1']);
  await subscribe(nodes[0]!.url, 'b4');
  await eventually(async () => (await forms('b4')).length === 1, 'one here');
  expect(await found('&containing=c')).toEqual(['c1']);
});

test('those that could not listen to the others do so as soon as they may', async () => {
  const last = nodes.at(-1)!;
  await subscribe(last.url, 'd');
  await eventually(async () => String(await forms('d')) === 'plain', 'it answers');
  const connected = await connections();
  await redis.ask('ACL', 'SETUSER', 'default', '-ssubscribe');
  await redis.ask('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await eventually(async () => (await connections()) === connected, 'they have connected again');
  expect(await redis.ask('CLIENT', 'LIST', 'TYPE', 'pubsub')).toBe('');
  expect(await forms('d')).toEqual(new Array(NODES - 1).fill('unknown'));
  await redis.ask('ACL', 'SETUSER', 'default', '+ssubscribe');
  await eventually(async () => String(await forms('d')) === 'plain', 'it answers again');
});

async function connections(): Promise<number> {
  return String(await redis.ask('CLIENT', 'LIST')).split('\n').length;
}
