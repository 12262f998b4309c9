import { setTimeout as delay } from 'node:timers/promises';
import type { Fault } from './fault.js';
import { FaultyNode } from './nodes.js';
import type { Random } from '../support/random.js';

export const HEARTBEAT_SECONDS = 1;

/** Wide enough that a run trims nothing: then the log that is read in the end must hold everything. */
const BOUNDS = { NOTIFIER_BUFFER_EVENTS: '1000000', NOTIFIER_BUFFER_BYTES: '268435456' };

/** What every node is started with. */
const NODE = {
  NOTIFIER_HEARTBEAT: String(HEARTBEAT_SECONDS),
  NOTIFIER_LOG_LEVEL: 'warn',
  NOTIFIER_SHUTDOWN_GRACE: '2',
  ...BOUNDS,
};

const STOPPED_MS = 30_000;

/** Starts nodes on a store of their own, or on Redis. */
export function startNodes(environments: readonly Readonly<Record<string, string>>[]): Promise<FaultyNode[]> {
  return Promise.all(environments.map((environment) => FaultyNode.start({ ...NODE, ...environment })));
}

/** One of the nodes that run. */
export function pickAwake(nodes: readonly FaultyNode[], random: Random): FaultyNode {
  return random.pick(nodes.filter(({ isFrozen }) => !isFrozen));
}

/** What can happen to a node, whatever its store is. */
export function nodeFaults(nodes: readonly FaultyNode[]): Fault[] {
  return [
    {
      name: 'a node killed and restarted',
      costs: 'nothing',
      async run({ random, hinders }) {
        const node = pickAwake(nodes, random);
        hinders(node);
        await node.kill();
        await delay(random.integer(100, 1500));
        await node.start();
      },
    },
    {
      name: 'a node stopped for 30 s and continued',
      costs: 'nothing',
      goesOn: nodes.length > 1,
      async run({ random, hinders }) {
        const node = pickAwake(nodes, random);
        hinders(node);
        node.freeze();
        await delay(STOPPED_MS);
        node.thaw();
      },
    },
    {
      name: 'a rolling restart',
      costs: 'nothing',
      async run({ hinders }) {
        for (const node of nodes.filter(({ isFrozen }) => !isFrozen)) {
          hinders(node);
          await node.stop();
          await node.start();
        }
      },
    },
    {
      name: 'a node’s clock one hour off',
      costs: 'nothing',
      async run({ random }) {
        const node = pickAwake(nodes, random);
        // Ahead, back, behind, back.
        for (let i = 0; i < 4; i++) {
          node.jumpClock();
          await delay(i % 2 === 0 ? 1500 : 200);
        }
      },
    },
  ];
}
