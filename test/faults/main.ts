import { parseArgs } from 'node:util';
import { check } from './checker.js';
import { onLmdb, onRedis } from './deployments.js';

/** `npm run faults -- --seed 7 --minutes 10 --nodes 3 [--store lmdb] [--fault NAME …]` */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '7' },
      minutes: { type: 'string', default: '10' },
      nodes: { type: 'string', default: '3' },
      store: { type: 'string', default: 'redis' },
      fault: { type: 'string', multiple: true },
    },
  });
  const deployment = values.store === 'lmdb' ? await onLmdb() : await onRedis(Number(values.nodes));
  const began = Date.now();
  const say = (line: string) =>
    process.stdout.write(`${((Date.now() - began) / 1000).toFixed(1).padStart(7)} s  ${line}\n`);
  try {
    const { violations, ...report } = await check(deployment, {
      seed: Number(values.seed),
      durationMs: Number(values.minutes) * 60_000,
      say,
      ...(values.fault ? { only: values.fault } : {}),
    });
    process.stdout.write(`${JSON.stringify({ ...report, faults: report.faults.length })}\n`);
    for (const line of violations.slice(0, 50)) process.stdout.write(`VIOLATION ${line}\n`);
    process.stdout.write(`${violations.length} violations\n`);
    process.exitCode = violations.length > 0 ? 1 : 0;
  } finally {
    await deployment.stop();
  }
}

await main();
