import { expect, it } from '@jest/globals';
import { check, type Report } from './checker.js';
import { deploy, type DEPLOYMENTS } from './deployments.js';

/** How long a short run may take on a machine that does something else too. */
const PATIENCE_MS = 300_000;

/** A short run of `npm run faults`: these faults, one after the other, under load. */
async function run(
  kind: (typeof DEPLOYMENTS)[number],
  nodes: number,
  waitReplicas: number,
  only: readonly string[],
): Promise<Report> {
  const deployment = await deploy(kind, nodes, waitReplicas);
  try {
    return await check(deployment, { seed: 7, durationMs: 0, only, say: () => undefined });
  } finally {
    await deployment.stop();
  }
}

it(
  'three nodes on one Redis keep their promises through faults under load',
  async () => {
    const report = await run('single', 3, 0, [
      'a node stopped for 30 s and continued',
      'pub/sub connections killed every 100 ms',
      'Redis paused for 5 s',
      'a node cut off from Redis for 4 s',
      'Redis out of memory for 2 s',
      'a node’s clock one hour off',
      'FLUSHALL',
      'a node killed and restarted',
      'a rolling restart',
      'Redis killed and restarted on its file',
    ]);
    expect(report.violations).toEqual([]);
    expect(report.delivered).toBeGreaterThan(100);
    expect(report.declaredGaps).toBeGreaterThan(0);
  },
  PATIENCE_MS,
);

it(
  'a node on its embedded store keeps its promises when it is killed under load',
  async () => {
    const report = await run('lmdb', 1, 0, ['a node killed and restarted', 'a rolling restart']);
    expect(report.violations).toEqual([]);
    expect(report.delivered).toBeGreaterThan(100);
    expect(report.declaredGaps).toBe(0);
  },
  PATIENCE_MS,
);

it(
  'a failover to a replica that lags is a declared gap',
  async () => {
    const report = await run('sentinel', 2, 0, ['a failover to a replica while another or all lag']);
    expect(report.violations).toEqual([]);
    expect(report.declaredGaps).toBeGreaterThan(0);
  },
  PATIENCE_MS,
);

it(
  'with NOTIFIER_REDIS_WAIT=1 a failover while a replica lags loses nothing',
  async () => {
    const report = await run('sentinel', 2, 1, ['a failover to a replica while another or all lag']);
    expect(report.violations).toEqual([]);
    expect(report.delivered).toBeGreaterThan(100);
  },
  PATIENCE_MS,
);

it(
  'two nodes on a Redis Cluster keep their promises while slots move and masters are lost',
  async () => {
    const report = await run('cluster', 2, 1, [
      'a slot migrated while its users are live',
      'a master lost and its replica promoted',
      'a batch over many partitions cut off by the end of its node',
      'a batch over many partitions cut off by the end of a master',
    ]);
    expect(report.violations).toEqual([]);
    expect(report.figures['ASK']).toBeGreaterThan(0);
    expect(report.completed).toBeGreaterThanOrEqual(2);
  },
  PATIENCE_MS,
);
