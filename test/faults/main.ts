import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { check } from './checker.js';
import { DEPLOYMENTS, deploy } from './deployments.js';

const USAGE = `npm run faults -- [--seed 7] [--minutes 10] [--nodes 3] [--redis ${DEPLOYMENTS.filter((kind) => kind !== 'lmdb').join('|')}]
                  [--wait 0] [--fault NAME …] [--record FILE]
npm run faults -- --store lmdb …

More in test/faults/README.md.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '7' },
      minutes: { type: 'string', default: '10' },
      nodes: { type: 'string', default: '3' },
      store: { type: 'string', default: 'redis' },
      redis: { type: 'string', default: 'single' },
      wait: { type: 'string', default: '0' },
      record: { type: 'string' },
      fault: { type: 'string', multiple: true },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  const kind = DEPLOYMENTS.find((one) => one === (values.store === 'lmdb' ? 'lmdb' : values.redis));
  if (!kind) throw new Error(`--redis is one of ${DEPLOYMENTS.join(', ')}`);
  const began = Date.now();
  const say = (line: string) =>
    process.stdout.write(`${((Date.now() - began) / 1000).toFixed(1).padStart(7)} s  ${line}\n`);
  const deployment = await deploy(kind, Number(values.nodes), Number(values.wait));
  try {
    const { violations, recording, ...report } = await check(deployment, {
      seed: Number(values.seed),
      durationMs: Number(values.minutes) * 60_000,
      say,
      ...(values.fault ? { only: values.fault } : {}),
    });
    process.stdout.write(`${JSON.stringify({ ...report, faults: report.faults.length })}\n`);
    for (const line of violations.slice(0, 50)) process.stdout.write(`VIOLATION ${line}\n`);
    process.stdout.write(`${violations.length} violations\n`);
    if (values.record !== undefined) await writeFile(values.record, JSON.stringify(recording));
    process.exitCode = violations.length > 0 ? 1 : 0;
  } finally {
    await deployment.stop();
  }
}

await main();
