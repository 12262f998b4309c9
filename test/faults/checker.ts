import { setTimeout as delay } from 'node:timers/promises';
import type { Deployment, Fault } from './fault.js';
import { HEARTBEAT_SECONDS } from './node-faults.js';
import { violations } from './oracle.js';
import { Random } from '../support/random.js';
import type { FaultRecord, Recording } from './recording.js';
import { Workload } from './workload.js';

/** What a run did and found. */
export interface Report {
  readonly faults: readonly string[];
  readonly pushed: number;
  readonly acknowledged: number;
  readonly refused: number;
  /** How often pushes were answered what: statuses, and `none`. */
  readonly answers: Readonly<Record<string, number>>;
  readonly delivered: number;
  readonly connections: number;
  /** How connections ended: close codes, and `left` for those that their client ended. */
  readonly closes: Readonly<Record<string, number>>;
  readonly declaredGaps: number;
  readonly drops: number;
  /** Pushes whose parts were stored by several attempts. */
  readonly completed: number;
  readonly figures: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
  /** What all of it was judged by. */
  readonly recording: Recording;
}

/** A node notices what happened on another one within a heartbeat; the rest is for a machine that is busy. */
const NOTICE_MS = HEARTBEAT_SECONDS * 1000 + 5000;

/** Everybody must be at the head so long after the last fault. */
const QUIET_MS = 90_000;

/** Between two faults. */
const PAUSE_MS = [300, 2000] as const;
const SHORT_PAUSE_MS = [100, 500] as const;

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
  const workload = new Workload({
    urls: deployment.nodes.map(({ url }) => url),
    random: random.fork(),
    isAtomic: deployment.isAtomic,
    noticeMs: NOTICE_MS,
  });
  const faults = only ? only.map((name) => named(deployment, name)) : deployment.faults;
  workload.start();
  await delay(1500);
  const goingOn = new Map<string, Promise<void>>();
  const ends = Date.now() + durationMs;
  for (let i = 0; i < (only?.length ?? 0) || Date.now() < ends; i++) {
    const next = only ? faults[i % faults.length]! : random.pick(faults);
    if (goingOn.has(next.name)) continue;
    say(next.name);
    const over = carryOut(next, deployment, workload, random);
    if (next.goesOn)
      goingOn.set(
        next.name,
        over.finally(() => goingOn.delete(next.name)),
      );
    else await over;
    const [min, max] = only ? SHORT_PAUSE_MS : PAUSE_MS;
    await delay(random.integer(min, max));
  }
  await Promise.all(goingOn.values());
  say('quiet: everybody comes to the head');
  await workload.finish(QUIET_MS);
  return report(workload.recording, (await deployment.figures?.()) ?? {});
}

function named(deployment: Deployment, name: string): Fault {
  const found = deployment.faults.find((fault) => fault.name === name);
  if (!found)
    throw new Error(
      `no such fault here: ${name}; there are: ${deployment.faults.map((f) => f.name).join(', ')}`,
    );
  return found;
}

async function carryOut(
  fault: Fault,
  { nodes }: Deployment,
  workload: Workload,
  random: Random,
): Promise<void> {
  const hindered: string[] = [];
  const { name, costs } = fault;
  const record: FaultRecord = { name, costs, hindered, began: Date.now(), ended: Infinity };
  workload.recording.faults.push(record);
  await fault.run({
    random,
    workload,
    hinders: (...some) => hindered.push(...some.filter((node) => nodes.includes(node)).map(({ url }) => url)),
  });
  record.ended = Date.now();
}

function report(recording: Recording, figures: Readonly<Record<string, number>>): Report {
  const { faults, pushes, clients, drops } = recording;
  const connections = clients.flatMap((client) => client.connections);
  return {
    faults: faults.map(({ name }) => name),
    pushed: pushes.length,
    acknowledged: pushes.filter(({ acknowledged }) => acknowledged !== undefined).length,
    answers: recording.answers,
    refused: pushes.filter(({ isRefused }) => isRefused).length,
    delivered: connections.reduce((sum, { received }) => sum + received.length, 0),
    connections: connections.length,
    closes: tally(connections.map(({ closeCode }) => String(closeCode ?? 'left'))),
    declaredGaps: connections.filter(({ recovered }) => !recovered).length,
    drops: drops.length,
    completed: storedInParts(recording),
    figures,
    violations: violations(recording),
    recording,
  };
}

function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** On a cluster an id ends with what is drawn anew for each attempt to store a push. */
function storedInParts({ pushes, logs, isAtomic }: Recording): number {
  if (isAtomic) return 0;
  const attemptOf = new Map<string, string>();
  for (const { received = [] } of logs)
    for (const { id, name } of received) attemptOf.set(name, id.slice(id.lastIndexOf('.')));
  const attempts = new Map<number, Set<string>>();
  for (const { push, name } of pushes) {
    const attempt = attemptOf.get(name);
    if (attempt === undefined) continue;
    const known = attempts.get(push) ?? new Set();
    attempts.set(push, known.add(attempt));
  }
  return [...attempts.values()].filter((some) => some.size > 1).length;
}
