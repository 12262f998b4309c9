import { afterEach, expect, test } from '@jest/globals';
import { event, push } from './support/http.js';
import { RedisProcess } from './support/redis-server.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';
import { untilReady } from './support/ready.js';

const endings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function startNode(url: string): Promise<RunningApp> {
  const own = { NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: url, NOTIFIER_REDIS_WAIT: '1' };
  const node = await startApp(own);
  endings.push(() => node.close());
  await untilReady(node.url);
  return node;
}

// Of the two, it is Valkey that counts for WAIT only what the same connection has written, as Redis does from 7.2 on.
async function startValkey(...args: string[]): Promise<RedisProcess> {
  const valkey = await RedisProcess.startValkey(...args);
  endings.push(() => valkey.remove());
  return valkey;
}

/** Pushes to several partitions, and so in several parts where it is a cluster. */
async function store({ url }: RunningApp): Promise<number> {
  const events = [event('ann', 1, 'x'), event('bob', 1, 'y')];
  return (await push(url, events, { 'Idempotency-Key': 'k' })).status;
}

interface Pair {
  readonly url: string;
  readonly master: RedisProcess;
  readonly replica: RedisProcess;
}

async function oneServer(): Promise<Pair> {
  const [master, replica] = [await startValkey(), await startValkey()];
  await replica.ask('REPLICAOF', '127.0.0.1', master.port);
  return { url: master.url, master, replica };
}

async function cluster(): Promise<Pair> {
  const [master, replica] = [
    await startValkey('--cluster-enabled', 'yes'),
    await startValkey('--cluster-enabled', 'yes'),
  ];
  await master.ask('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383);
  await replica.ask('CLUSTER', 'MEET', '127.0.0.1', master.port);
  const id = String(await master.ask('CLUSTER', 'MYID'));
  const follows = () =>
    replica.ask('CLUSTER', 'REPLICATE', id).then(
      () => true,
      () => false,
    );
  await eventually(follows, 'the replica knows its master');
  await eventually(
    async () => String(await master.ask('CLUSTER', 'INFO')).includes('cluster_state:ok'),
    'the cluster is complete',
  );
  // Several addresses are what says that it is a cluster.
  return { url: `${master.url},127.0.0.1:${master.port}`, master, replica };
}

test.each([
  ['one server', oneServer],
  ['a cluster', cluster],
])(
  'on %s a repeat is not acknowledged before a replica has what is repeated',
  async (_what, start) => {
    const { url, master, replica } = await start();
    const follows = async () =>
      String(await replica.ask('INFO', 'replication')).includes('master_link_status:up');
    await eventually(follows, 'the replica follows');
    const nodes = [await startNode(url), await startNode(url), await startNode(url)];
    // What the nodes have written so far the replica has, and has said so.
    const figure = async (pattern: RegExp) =>
      Number(pattern.exec(String(await master.ask('INFO', 'replication')))![1]);
    const written = await figure(/master_repl_offset:(\d+)/);
    await eventually(async () => (await figure(/slave0:.*offset=(\d+)/)) >= written, 'the replica has it');
    replica.pause();
    try {
      // The first one claims the key; where it is a cluster, the second one then stores the parts.
      for (const node of nodes) expect(await store(node)).toBe(503);
    } finally {
      replica.resume();
    }
    expect(await store(nodes[2]!)).toBe(200);
  },
  60_000,
);
