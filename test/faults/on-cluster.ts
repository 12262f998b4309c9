import { setTimeout as delay } from 'node:timers/promises';
import { partitionOf, slotOfPartition } from '../../src/storage/redis/partitions.js';
import type { RedisProcess } from '../support/redis-server.js';
import { eventually } from '../support/wait.js';
import { keyOf } from './connector.js';
import type { Deployment, Fault, Scene } from './fault.js';
import { nodeFaults, pickAwake, startNodes } from './node-faults.js';
import type { FaultyNode } from './nodes.js';
import { killSubscriptions } from './on-one-redis.js';
import type { PushedRecord } from './recording.js';
import { FaultyCluster } from './redis-cluster.js';
import { USERS } from './workload.js';

/** Longer than it takes until a batch is cut off. */
const HELD_MS = 30_000;

/**
 * Several nodes on a Redis Cluster of three masters with a replica each.
 *
 * @param waitReplicas as `NOTIFIER_REDIS_WAIT`, 0 or 1
 */
export async function onCluster(count: number, waitReplicas: number): Promise<Deployment> {
  const cluster = await FaultyCluster.start();
  const environment = {
    NOTIFIER_STORE: 'redis',
    NOTIFIER_REDIS_URL: cluster.url,
    NOTIFIER_REDIS_WAIT: String(waitReplicas),
  };
  const nodes = await startNodes(Array.from({ length: count }, () => environment));
  return {
    nodes,
    isAtomic: false,
    faults: [
      {
        name: 'pub/sub connections killed every 100 ms',
        costs: 'nothing',
        run: (scene) => killSubscriptions(cluster.servers, nodes, scene),
      },
      slotMigrated(cluster, nodes),
      masterLost(cluster, nodes, waitReplicas),
      batchCutOffByNode(cluster, nodes),
      batchCutOffByMaster(cluster, nodes, waitReplicas),
      ...nodeFaults(nodes),
    ],
    figures: () => cluster.redirections(),
    async stop() {
      await Promise.all(nodes.map((node) => node.kill()));
      await cluster.remove();
    },
  };
}

/** The new owner cannot tell a slot that was moved from one whose owner was lost: positions in it count as lost. */
function slotMigrated(cluster: FaultyCluster, nodes: readonly FaultyNode[]): Fault {
  return {
    name: 'a slot migrated while its users are live',
    costs: 'positions',
    async run({ random, hinders }) {
      hinders(...nodes);
      const slot = slotOfPartition(partitionOf(random.pick(USERS)));
      const owner = await cluster.ownerOf(slot);
      const others = (await cluster.masters()).filter((master) => master !== owner);
      await cluster.migrate(slot, random.pick(others), () => delay(random.integer(50, 200)));
    },
  };
}

function masterLost(cluster: FaultyCluster, nodes: readonly FaultyNode[], waitReplicas: number): Fault {
  return {
    name: 'a master lost and its replica promoted',
    costs: waitReplicas > 0 ? 'positions' : 'events',
    async run({ random, hinders }) {
      hinders(...nodes);
      await lose(cluster, random.pick(await cluster.masters()));
    },
  };
}

async function lose(cluster: FaultyCluster, master: RedisProcess): Promise<void> {
  await cluster.kill(master);
  await cluster.replaced(master);
  await master.restart();
  await cluster.settled();
}

function batchCutOffByNode(cluster: FaultyCluster, nodes: readonly FaultyNode[]): Fault {
  return {
    name: 'a batch over many partitions cut off by the end of its node',
    costs: 'nothing',
    async run(scene) {
      scene.hinders(...nodes);
      const node = pickAwake(nodes, scene.random);
      const master = scene.random.pick(await cluster.masters());
      const { stored } = await pushInPart(cluster, scene, node, master);
      await node.kill();
      // What the node asked of that master is forgotten with its connection.
      await master.ask('CLIENT', 'UNPAUSE');
      await stored;
      await node.start();
    },
  };
}

function batchCutOffByMaster(
  cluster: FaultyCluster,
  nodes: readonly FaultyNode[],
  waitReplicas: number,
): Fault {
  return {
    name: 'a batch over many partitions cut off by the end of a master',
    costs: waitReplicas > 0 ? 'positions' : 'events',
    async run(scene) {
      scene.hinders(...nodes);
      const master = scene.random.pick(await cluster.masters());
      const { stored } = await pushInPart(cluster, scene, pickAwake(nodes, scene.random), master);
      await lose(cluster, master);
      await stored;
    },
  };
}

/** Pushes a batch of which all is stored but what belongs to one master, which holds back all writes from now on. */
async function pushInPart(
  cluster: FaultyCluster,
  { workload }: Scene,
  node: FaultyNode,
  master: RedisProcess,
): Promise<{ stored: Promise<void> }> {
  const key = await cluster.keyElsewhere(master, keyOf);
  await master.ask('CLIENT', 'PAUSE', HELD_MS, 'WRITE');
  const { records, stored } = workload.pushToMany(node.url, key);
  const isSeen = (some: readonly PushedRecord[]) => workload.isSeen(some);
  await eventually(() => isSeen(records), 'a part of the batch is stored');
  return { stored };
}
