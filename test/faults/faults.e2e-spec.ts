import { expect, it } from '@jest/globals';
import { check } from './checker.js';
import { onLmdb, onRedis, type Deployment } from './deployments.js';

/** A short run of `npm run faults`; what it is told to do takes about half a minute. */
async function run(deployment: Deployment, only: readonly string[]) {
  try {
    return await check(deployment, { seed: 7, durationMs: 0, only, say: () => undefined });
  } finally {
    await deployment.stop();
  }
}

it('two nodes on Redis keep their promises through faults under load', async () => {
  const report = await run(await onRedis(2), [
    'pub/sub connections killed every 100 ms',
    'a node killed and restarted',
    'FLUSHALL',
    'Redis killed and restarted on its file',
    'a node cut off from Redis for 4 s',
  ]);
  expect(report.violations).toEqual([]);
  expect(report.delivered).toBeGreaterThan(100);
}, 180_000);

it('a node on its embedded store keeps its promises when it is killed under load', async () => {
  const report = await run(await onLmdb(), ['a node killed and restarted', 'a rolling restart']);
  expect(report.violations).toEqual([]);
  expect(report.declaredGaps).toBe(0);
}, 180_000);
