import { killChildren } from '../support/children.js';
import type { Deployment } from './fault.js';
import { onCluster } from './on-cluster.js';
import { onOneNode } from './on-one-node.js';
import { onOneRedis } from './on-one-redis.js';
import { onSentinel } from './on-sentinel.js';

/** `lmdb` is one node on its embedded store; the others are several nodes on Redis. */
export const DEPLOYMENTS = ['lmdb', 'single', 'sentinel', 'cluster'] as const;
type Kind = (typeof DEPLOYMENTS)[number];

/**
 * Starts one of them.
 *
 * @param waitReplicas as `NOTIFIER_REDIS_WAIT`, where there are replicas
 */
export async function deploy(kind: Kind, nodes: number, waitReplicas: number): Promise<Deployment> {
  try {
    return await start(kind, nodes, waitReplicas);
  } catch (error) {
    await killChildren();
    throw error;
  }
}

function start(kind: Kind, nodes: number, waitReplicas: number): Promise<Deployment> {
  switch (kind) {
    case 'lmdb':
      return onOneNode();
    case 'single':
      return onOneRedis(nodes);
    case 'sentinel':
      return onSentinel(nodes, waitReplicas);
    case 'cluster':
      return onCluster(nodes, waitReplicas);
  }
}
