// npm run bench -- [--rounds 5] [--only 'fanout-1;replay'] [--targets floor,memory,lmdb]
// Every scenario against every target, interleaved round by round; the table gives medians and their ratio to the floor of the same run. Nothing else should run
// on the machine meanwhile. Needs Linux (the kernel's account of a process in /proc).
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { SCENARIOS } from './scenarios.mjs';
import { startServer, TARGETS } from './server-process.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: Object.keys(SCENARIOS).join(';') },
    targets: { type: 'string', default: TARGETS.join(',') },
  },
});

const scenarios = Object.keys(SCENARIOS).filter((name) =>
  values.only.split(';').some((part) => name.startsWith(part)),
);
const targets = values.targets.split(',');
const results = new Map();

for (let round = 0; round < Number(values.rounds); round++) {
  for (const name of scenarios) {
    for (let i = 0; i < targets.length; i++) {
      const target = targets[(i + round) % targets.length];
      const server = await startServer(target);
      const result = await SCENARIOS[name](server, target).finally(() => server.stop());
      const key = `${name}|${target}`;
      results.set(key, [...(results.get(key) ?? []), result]);
      process.stderr.write(
        `round ${round + 1}: ${name}, ${target}: ${Math.round(result.figure)}${result.correct ? '' : ' INCORRECT'}\n`,
      );
    }
  }
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const figure = (name, target) => median(results.get(`${name}|${target}`).map((result) => result.figure));

console.log(
  `${new Date().toISOString().slice(0, 10)}, ${cpus()[0].model}, Node ${process.versions.node}, commit ${commit()}, ${values.rounds} rounds\n`,
);
console.log(
  `| events per server-CPU-second | ${targets.join(' | ')} | ${targets.map((target) => `${target} ÷ floor`).join(' | ')} | correct |`,
);
console.log(`| --- | ${targets.map(() => '---: | ---:').join(' | ')} | --- |`);
for (const name of scenarios) {
  const figures = targets.map((target) => figure(name, target));
  const ratios = figures.map((value) =>
    (value / figure(name, targets.includes('floor') ? 'floor' : targets[0])).toFixed(2),
  );
  const all = targets.flatMap((target) => results.get(`${name}|${target}`));
  const correct = all.filter((result) => result.correct).length;
  console.log(
    `| ${name} | ${figures.map((value) => Math.round(value).toLocaleString('en')).join(' | ')} | ${ratios.join(' | ')} | ${correct}/${all.length} |`,
  );
}
note(
  'idle',
  'is connections per MiB of proportional set size; KiB a connection',
  (result) => result.kibPerConnection,
);
note('open loop, 10,000/s', 'is 1,000 ms by the 99th percentile of the lateness; ms', (result) => result.p99);

/** What a scenario's figure is, where it is not events per CPU-second, and the medians in its own unit. */
function note(name, meaning, of) {
  if (!scenarios.includes(name)) return;
  const medians = targets.map(
    (target) => `${target} ${median(results.get(`${name}|${target}`).map(of)).toFixed(2)}`,
  );
  console.log(`\n${name} ${meaning}: ${medians.join(', ')}`);
}

function commit() {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}
