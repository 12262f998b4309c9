import { setTimeout as delay } from 'node:timers/promises';
import { HEARTBEAT_SECONDS, type Deployment } from './deployments.js';
import { violations } from './oracle.js';
import { Random } from './random.js';
import { Workload } from './workload.js';

/** What a run did and found. */
export interface Report {
  readonly faults: readonly string[];
  readonly pushed: number;
  readonly acknowledged: number;
  readonly delivered: number;
  readonly connections: number;
  readonly declaredGaps: number;
  readonly drops: number;
  readonly violations: readonly string[];
}

const USERS = ['alice', 'bob', 'é😀', '{curly}', 'user-5', 'user-6'];

/** A drop that a node could not be told of is found within a heartbeat once it is back: the longest fault and more. */
const DROP_GRACE_MS = 15_000 + HEARTBEAT_SECONDS * 1000;

export interface Run {
  readonly seed: number;
  readonly durationMs: number;
  /** Names of faults to do, one after the other; all in random order where absent. */
  readonly only?: readonly string[];
  readonly say: (line: string) => void;
}

/** Leads a deployment through faults under load and judges everything that was seen. */
export async function check(deployment: Deployment, { seed, durationMs, only, say }: Run): Promise<Report> {
  const random = new Random(seed);
  const urls = deployment.nodes.map(({ url }) => url);
  const workload = new Workload(urls, USERS, random.fork(), DROP_GRACE_MS);
  const faults = deployment.faults.filter(({ name }) => !only || only.includes(name));
  const done: string[] = [];
  workload.start();
  const ends = Date.now() + durationMs;
  const least = only?.length ?? 0;
  await delay(1500);
  for (let i = 0; i < least || Date.now() < ends; i++) {
    const next = only ? faults[i % faults.length]! : random.pick(faults);
    say(next.name);
    if (next.losesData) workload.recording.mayRepeat = true;
    await next.run(random);
    done.push(next.name);
    await delay(random.integer(500, 2500));
  }
  say('quiet: everybody comes to the head');
  await workload.finish(60_000);
  const { pushes, clients, drops } = workload.recording;
  const connections = clients.flatMap((client) => client.connections);
  return {
    faults: done,
    pushed: pushes.length,
    acknowledged: pushes.filter(({ acknowledged }) => acknowledged !== undefined).length,
    delivered: connections.reduce((sum, { received }) => sum + received.length, 0),
    connections: connections.length,
    declaredGaps: connections.filter(({ subscribed, recovered }) => subscribed !== undefined && !recovered)
      .length,
    drops: drops.length,
    violations: violations(workload.recording),
  };
}
