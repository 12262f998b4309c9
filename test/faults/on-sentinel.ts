import { setTimeout as delay } from 'node:timers/promises';
import { RedisProcess } from '../support/redis-server.js';
import { eventually } from '../support/wait.js';
import type { Deployment, Fault } from './fault.js';
import { nodeFaults, startNodes } from './node-faults.js';
import type { FaultyNode } from './nodes.js';
import { killSubscriptions } from './on-one-redis.js';
import { Sentinels } from '../support/sentinels.js';

const SETTLED_MS = 60_000;

/** How long a replica lags before its master is lost. */
const LAG_MS = 1500;

/** How long nodes may take to leave a master that does not answer: twice what they do. */
const LEFT_MS = 6000;

/** Where nobody listens. */
const NOBODY = 1;

/**
 * Several nodes on a master and two replicas, which three Sentinels watch.
 *
 * @param waitReplicas as `NOTIFIER_REDIS_WAIT`, 0 or 1
 */
export async function onSentinel(count: number, waitReplicas: number): Promise<Deployment> {
  const servers = await Promise.all(Array.from({ length: 3 }, () => RedisProcess.start()));
  const [master, ...replicas] = servers;
  await follow(master!, replicas);
  const sentinels = await Sentinels.start(master!, replicas.length, 3);
  const environment = {
    NOTIFIER_STORE: 'redis',
    NOTIFIER_REDIS_URL: sentinels.url,
    NOTIFIER_REDIS_WAIT: String(waitReplicas),
  };
  const nodes = await startNodes(Array.from({ length: count }, () => environment));
  return {
    nodes,
    isAtomic: true,
    faults: [...masterFaults(servers, sentinels, nodes, waitReplicas), ...nodeFaults(nodes)],
    async stop() {
      await Promise.all(nodes.map((node) => node.kill()));
      await sentinels.remove();
      await Promise.all(servers.map((server) => server.remove()));
    },
  };
}

function masterFaults(
  servers: readonly RedisProcess[],
  sentinels: Sentinels,
  nodes: readonly FaultyNode[],
  waitReplicas: number,
): Fault[] {
  const costs = waitReplicas > 0 ? 'positions' : 'events';
  return [
    {
      name: 'pub/sub connections killed every 100 ms',
      costs: 'nothing',
      run: (scene) => killSubscriptions(servers, nodes, scene),
    },
    {
      name: 'a failover to a replica while another or all lag',
      costs,
      async run({ random, hinders }) {
        hinders(...nodes);
        const { master, replicas } = await roles(servers, sentinels);
        // Where writes wait for one replica, that one must be there; where they do not, nobody has what comes last.
        const lagging = waitReplicas > 0 ? [random.pick(replicas)] : replicas;
        for (const replica of lagging) await replica.ask('REPLICAOF', '127.0.0.1', NOBODY);
        await delay(LAG_MS);
        await knownToBeAhead(replicas, lagging, sentinels);
        await master.kill();
        const promoted = await successor(servers, sentinels, master);
        await master.restart();
        await follow(
          promoted,
          servers.filter((server) => server !== promoted),
        );
      },
    },
    {
      name: 'a master that is stopped until it is replaced, and continued',
      costs,
      async run({ hinders }) {
        hinders(...nodes);
        const { master } = await roles(servers, sentinels);
        master.pause();
        const promoted = await successor(servers, sentinels, master);
        await delay(LEFT_MS);
        // For a moment it takes itself for the master.
        master.resume();
        await delay(1000);
        await follow(
          promoted,
          servers.filter((server) => server !== promoted),
        );
      },
    },
  ];
}

async function roles(servers: readonly RedisProcess[], sentinels: Sentinels) {
  const port = await sentinels.master();
  const master = servers.find((server) => server.port === port)!;
  return { master, replicas: servers.filter((server) => server !== master) };
}

/** Waits until the Sentinels know of those that stay that they have more: of two that were alike when they last asked, they may promote either. */
async function knownToBeAhead(
  replicas: readonly RedisProcess[],
  lagging: readonly RedisProcess[],
  sentinels: Sentinels,
): Promise<void> {
  const most = Math.max(...(await Promise.all(lagging.map(offsetOf))));
  for (const { port } of replicas.filter((replica) => !lagging.includes(replica))) {
    const isKnown = async () => (await sentinels.knownOffset(port)) > most;
    await eventually(isKnown, 'the Sentinels know who is ahead', SETTLED_MS);
  }
}

async function offsetOf(server: RedisProcess): Promise<number> {
  return Number(/slave_repl_offset:(\d+)/.exec(await info(server))![1]);
}

/** Waits until somebody has a master's place. */
async function successor(
  servers: readonly RedisProcess[],
  sentinels: Sentinels,
  master: RedisProcess,
): Promise<RedisProcess> {
  const others = servers.filter((server) => server !== master);
  let promoted: RedisProcess | undefined;
  await eventually(
    async () => {
      const port = await sentinels.master();
      promoted = others.find((server) => server.port === port);
      return promoted !== undefined && (await info(promoted)).includes('role:master');
    },
    'a replica is promoted',
    SETTLED_MS,
  );
  return promoted!;
}

/** Has servers follow a master, and waits until they have all that it has. */
async function follow(master: RedisProcess, servers: readonly RedisProcess[]): Promise<void> {
  for (const server of servers) {
    const isFollower = async () => (await info(server)).includes(`master_port:${master.port}`);
    if (!(await isFollower())) await server.ask('REPLICAOF', '127.0.0.1', master.port);
  }
  const isUp = async (server: RedisProcess) => (await info(server)).includes('master_link_status:up');
  await eventually(
    async () => (await Promise.all(servers.map(isUp))).every(Boolean),
    'all replicas follow',
    SETTLED_MS,
  );
}

async function info(server: RedisProcess): Promise<string> {
  return String(await server.ask('INFO', 'replication'));
}
