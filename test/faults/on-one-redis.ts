import { setTimeout as delay } from 'node:timers/promises';
import { RedisProcess } from '../support/redis-server.js';
import type { Deployment, Fault, Scene } from './fault.js';
import { nodeFaults, pickAwake, startNodes } from './node-faults.js';
import type { FaultyNode } from './nodes.js';
import { Proxy } from './proxy.js';

/** Several nodes on one Redis that keeps an append-only file, each node behind a proxy of its own. */
export async function onOneRedis(count: number): Promise<Deployment> {
  const redis = await RedisProcess.start('--appendonly', 'yes', '--appendfsync', 'everysec');
  const proxies = await Promise.all(Array.from({ length: count }, () => Proxy.to(redis.port)));
  const nodes = await startNodes(
    proxies.map(({ port }) => ({
      NOTIFIER_STORE: 'redis',
      NOTIFIER_REDIS_URL: `redis://127.0.0.1:${port}`,
    })),
  );
  return {
    nodes,
    isAtomic: true,
    faults: [...serverFaults(redis, nodes), ...linkFaults(nodes, proxies), ...nodeFaults(nodes)],
    async stop() {
      await Promise.all(nodes.map((node) => node.kill()));
      await Promise.all(proxies.map((proxy) => proxy.close()));
      await redis.remove();
    },
  };
}

function serverFaults(redis: RedisProcess, nodes: readonly FaultyNode[]): Fault[] {
  return [
    {
      name: 'pub/sub connections killed every 100 ms',
      costs: 'nothing',
      run: (scene) => killSubscriptions([redis], nodes, scene),
    },
    {
      name: 'Redis paused for 5 s',
      costs: 'nothing',
      async run({ hinders }) {
        hinders(...nodes);
        redis.pause();
        await delay(5000);
        redis.resume();
      },
    },
    {
      name: 'Redis killed and restarted on its file',
      costs: 'events',
      async run({ random, hinders }) {
        hinders(...nodes);
        await redis.kill();
        await delay(random.integer(100, 2000));
        await redis.restart();
      },
    },
    {
      name: 'Redis out of memory for 2 s',
      costs: 'nothing',
      async run() {
        await redis.ask('CONFIG', 'SET', 'maxmemory', '1');
        await delay(2000);
        await redis.ask('CONFIG', 'SET', 'maxmemory', '0');
      },
    },
    {
      name: 'FLUSHALL',
      costs: 'events',
      run: async () => void (await redis.ask('FLUSHALL')),
    },
  ];
}

/**
 * For 2 s. What was published to a connection that is gone is lost, and nobody is told: some of it is for users who then get nothing more for
 * a while.
 */
export async function killSubscriptions(
  servers: readonly RedisProcess[],
  nodes: readonly FaultyNode[],
  { random, workload }: Scene,
): Promise<void> {
  for (let i = 1; i <= 20; i++) {
    await Promise.all(
      servers.map((redis) => redis.ask('CLIENT', 'KILL', 'TYPE', 'pubsub').catch(() => undefined)),
    );
    if (i % 10 === 0) await workload.pushToMany(pickAwake(nodes, random).url).stored;
    await delay(100);
  }
}

function linkFaults(nodes: readonly FaultyNode[], proxies: readonly Proxy[]): Fault[] {
  const linkOf = (node: FaultyNode) => proxies[nodes.indexOf(node)]!;
  return [
    {
      name: 'a node cut off from Redis for 4 s',
      costs: 'nothing',
      async run({ random, hinders }) {
        const node = pickAwake(nodes, random);
        hinders(node);
        linkOf(node).cut();
        await delay(4000);
        linkOf(node).mend();
      },
    },
    {
      name: 'a node that Redis does not hear for 6 s',
      costs: 'nothing',
      async run({ random, hinders }) {
        const node = pickAwake(nodes, random);
        hinders(node);
        linkOf(node).stall();
        await delay(6000);
        linkOf(node).mend();
      },
    },
  ];
}
