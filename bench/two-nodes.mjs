// node bench/two-nodes.mjs [--rate 20000] [--seconds 20] [--users 1000]
// Two nodes on one Redis, then one node with the memory store, under the same load: batches of 100 at a steady rate, to subscribers spread over the nodes. Every
// subscriber must get the events of its user, each once and in order. What an event costs is the kernel's account of the nodes and of Redis. Needs Linux,
// `npm run build` and redis-server; nothing else should run on the machine meanwhile.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { eventJson, follow, httpConnector } from './clients.mjs';
import { cpuSeconds, startNode } from './server-process.mjs';

const BATCH = 100;
const CONNECTORS_PER_NODE = 4;
const WARM_UP_SECONDS = 2;

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '20000' },
    seconds: { type: 'string', default: '20' },
    users: { type: 'string', default: '1000' },
  },
});
const [rate, seconds, users] = [Number(values.rate), Number(values.seconds), Number(values.users)];

const userName = (i) => `bench-${String(i).padStart(6, '0')}`;

async function until(condition, what) {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within a minute: ${what}`);
    await delay(10);
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

async function startRedis() {
  const port = await freePort();
  const child = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', ''], {
    stdio: 'ignore',
  });
  return { url: `redis://127.0.0.1:${port}`, pid: child.pid, stop: () => child.kill('SIGKILL') };
}

const isReady = async ({ url }) => (await fetch(`${url}/health/ready`)).status === 200;

/** Subscribers of all users, spread over the nodes, and whether each has got every number of its user, once and in order. */
async function audience(nodes) {
  const last = new Array(users).fill(0);
  const counts = { received: 0, twice: 0, missing: 0 };
  const subscribers = last.map((_, i) =>
    follow(nodes[i % nodes.length].url, userName(i), (number) => {
      counts.received++;
      if (number <= last[i]) counts.twice++;
      else counts.missing += number - last[i] - 1;
      last[i] = Math.max(last[i], number);
    }),
  );
  await Promise.all(subscribers.map(({ opened }) => opened));
  await delay(500);
  return { counts, close: () => subscribers.forEach((subscriber) => subscriber.close()) };
}

/** Pushes at the rate, each batch at its own time whatever became of the one before. */
async function load(nodes) {
  const connectors = await Promise.all(
    Array.from({ length: nodes.length * CONNECTORS_PER_NODE }, (_, i) =>
      httpConnector(nodes[i % nodes.length].url),
    ),
  );
  let pushed = 0;
  let turn = 0;
  const pushBatch = () => {
    const events = [];
    for (let i = 0; i < BATCH; i++, pushed++) {
      events.push(eventJson(userName(pushed % users), Date.now(), Math.floor(pushed / users) + 1));
    }
    // All events of a user go over one connection: their order is that of the numbers.
    const group = turn++ % Math.ceil(users / BATCH);
    return connectors[group % connectors.length].push(`[${events.join()}]`);
  };
  const run = async (forSeconds) => {
    const answers = [];
    const began = performance.now();
    for (let batch = 0; batch < (rate * forSeconds) / BATCH; batch++) {
      const early = began + (batch * BATCH * 1000) / rate - performance.now();
      if (early > 1) await delay(early);
      answers.push(pushBatch());
    }
    await Promise.all(answers);
  };
  return { run, pushed: () => pushed, close: () => connectors.forEach((connector) => connector.close()) };
}

/** What the load costs on `nodes`, and what became of it. */
async function measure(nodes, redis) {
  const listeners = await audience(nodes);
  const pushes = await load(nodes);
  const all = async () => {
    await until(() => listeners.counts.received >= pushes.pushed(), 'every event');
  };
  await pushes.run(WARM_UP_SECONDS);
  await all();
  const cost = () => [
    nodes.reduce((sum, node) => sum + node.cpuSeconds(), 0),
    redis ? cpuSeconds(redis.pid) : 0,
  ];
  const [before, from, began] = [cost(), pushes.pushed(), performance.now()];
  await pushes.run(seconds);
  await all();
  const perSecond = ((pushes.pushed() - from) * 1000) / (performance.now() - began);
  // One that comes twice comes late.
  await delay(1000);
  const [nodeCost, redisCost] = cost().map(
    (value, i) => ((value - before[i]) * 1e6) / (pushes.pushed() - from),
  );
  listeners.close();
  pushes.close();
  return { ...listeners.counts, pushed: pushes.pushed(), perSecond, nodeCost, redisCost };
}

async function onMemory() {
  const node = await startNode('memory');
  try {
    return await measure([node]);
  } finally {
    await node.stop();
  }
}

async function onRedis() {
  const redis = await startRedis();
  const nodes = [];
  try {
    for (let i = 0; i < 2; i++) nodes.push(await startNode('redis', { NOTIFIER_REDIS_URL: redis.url }));
    for (const node of nodes) await until(() => isReady(node), 'the node is ready');
    return await measure(nodes, redis);
  } finally {
    await Promise.all(nodes.map((node) => node.stop()));
    redis.stop();
  }
}

const results = { 'one node, memory': await onMemory(), 'two nodes, Redis': await onRedis() };

console.log(
  `${new Date().toISOString().slice(0, 10)}, ${cpus()[0].model}, Node ${process.versions.node}, ${rate} events/s for ${seconds} s in batches of ${BATCH}, ${users} users\n`,
);
console.log(
  '| | events/s | pushed | delivered | missing | twice | CPU µs an event: notifiers | Redis | both |',
);
console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
for (const [name, result] of Object.entries(results)) {
  const { perSecond, pushed, received, missing, twice, nodeCost, redisCost } = result;
  const costs = [nodeCost, redisCost, nodeCost + redisCost].map((value) => value.toFixed(1));
  console.log(`| ${[name, Math.round(perSecond), pushed, received, missing, twice, ...costs].join(' | ')} |`);
}
const [memory, redis] = Object.values(results);
console.log(
  `\nprice over the memory store: notifiers ${(redis.nodeCost / memory.nodeCost).toFixed(2)}, with Redis ${((redis.nodeCost + redis.redisCost) / memory.nodeCost).toFixed(2)}`,
);
const isHeld = ({ perSecond, received, pushed, missing, twice }) =>
  perSecond >= rate * 0.95 && received === pushed && missing === 0 && twice === 0;
if (!Object.values(results).every(isHeld)) {
  console.error('the rate was not held, or not every event came once');
  process.exitCode = 1;
}
