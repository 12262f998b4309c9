import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RedisProcess } from '../support/redis-server.js';
import { FaultyNode } from './nodes.js';
import { Proxy } from './proxy.js';
import type { Random } from './random.js';

/** Something that goes wrong and is over when this resolves. */
export interface Fault {
  readonly name: string;
  /** Whether the store may lose what it acknowledged, claims of idempotency keys included. */
  readonly losesData: boolean;
  run(random: Random): Promise<void>;
}

/** Nodes, their store, and what can be done to them. */
export interface Deployment {
  readonly nodes: readonly FaultyNode[];
  readonly faults: readonly Fault[];
  stop(): Promise<void>;
}

export const HEARTBEAT_SECONDS = 1;

const NODE = {
  NOTIFIER_HEARTBEAT: String(HEARTBEAT_SECONDS),
  NOTIFIER_LOG_LEVEL: 'warn',
  NOTIFIER_SHUTDOWN_GRACE: '2',
};

/** Several nodes on one Redis that keeps an append-only file, each node behind a proxy of its own. */
export async function onRedis(count: number): Promise<Deployment> {
  const redis = await RedisProcess.start('--appendonly', 'yes', '--appendfsync', 'everysec');
  const proxies = await Promise.all(Array.from({ length: count }, () => Proxy.to(redis.port)));
  const nodes = await Promise.all(
    proxies.map(({ port }) =>
      FaultyNode.start({ ...NODE, NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: `redis://127.0.0.1:${port}` }),
    ),
  );
  return {
    nodes,
    faults: [...redisFaults(redis), ...nodeFaults(nodes), ...networkFaults(proxies)],
    async stop() {
      await Promise.all(nodes.map((node) => node.kill()));
      await Promise.all(proxies.map((proxy) => proxy.close()));
      await redis.remove();
    },
  };
}

/** One node on its embedded store. */
export async function onLmdb(): Promise<Deployment> {
  const folder = await mkdtemp(join(tmpdir(), 'notifier-faults-'));
  const node = await FaultyNode.start({ ...NODE, NOTIFIER_STORE: 'lmdb', NOTIFIER_DATA_DIR: folder });
  return {
    nodes: [node],
    faults: nodeFaults([node]),
    async stop() {
      await node.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function fault(name: string, run: (random: Random) => Promise<void>, losesData = false): Fault {
  return { name, run, losesData };
}

function redisFaults(redis: RedisProcess): Fault[] {
  return [
    fault('pub/sub connections killed every 100 ms', async () => {
      for (let i = 0; i < 20; i++) {
        await redis.ask('CLIENT', 'KILL', 'TYPE', 'pubsub').catch(() => undefined);
        await delay(100);
      }
    }),
    fault('Redis paused for 5 s', async () => {
      redis.pause();
      await delay(5000);
      redis.resume();
    }),
    fault(
      'Redis killed and restarted on its file',
      async (random) => {
        await redis.kill();
        await delay(random.integer(100, 2000));
        await redis.restart();
      },
      true,
    ),
    fault('Redis out of memory for 2 s', async () => {
      await redis.ask('CONFIG', 'SET', 'maxmemory', '1');
      await delay(2000);
      await redis.ask('CONFIG', 'SET', 'maxmemory', '0');
    }),
    fault('FLUSHALL', async () => void (await redis.ask('FLUSHALL')), true),
  ];
}

function nodeFaults(nodes: readonly FaultyNode[]): Fault[] {
  return [
    fault('a node killed and restarted', async (random) => {
      const node = random.pick(nodes);
      await node.kill();
      await delay(random.integer(100, 1500));
      await node.start();
    }),
    fault('a node stopped for 8 s and continued', async (random) => {
      const node = random.pick(nodes);
      node.freeze();
      await delay(8000);
      node.thaw();
    }),
    fault('a rolling restart', async () => {
      for (const node of nodes) {
        await node.stop();
        await node.start();
      }
    }),
    fault('a node’s clock one hour ahead for 3 s', async (random) => {
      const node = random.pick(nodes);
      await node.stop();
      await node.start(true);
      await delay(3000);
      await node.stop();
      await node.start();
    }),
  ];
}

function networkFaults(proxies: readonly Proxy[]): Fault[] {
  return [
    fault('a node cut off from Redis for 4 s', async (random) => {
      const proxy = random.pick(proxies);
      proxy.cut();
      await delay(4000);
      proxy.mend();
    }),
    fault('a node that Redis does not hear for 6 s', async (random) => {
      const proxy = random.pick(proxies);
      proxy.stall();
      await delay(6000);
      proxy.mend();
    }),
  ];
}
