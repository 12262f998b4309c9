import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../config.js';
import { evictedBy } from '../redis/eviction.js';
import { describeAddress } from '../redis/redis-address.js';
import type { RedisServer } from '../redis/redis-server.js';
import { RedisServers } from '../redis/redis-servers.js';
import { ok, problem, warning, type Finding } from './finding.js';

const ANSWER_MS = 5000;
const LOOK_MS = 20;

/** Functions of scripts and sharded pub/sub came with it. */
const OLDEST_VERSION = 7;

const ignore = () => undefined;

/** The servers that the store would be on: reachable, new enough, and set to what their promises need. */
export async function checkRedis({ redis: { address, waitReplicas } }: Config): Promise<Finding[]> {
  const failures = new Map<string, string>();
  const servers = new RedisServers(address, {
    connected: ignore,
    disconnected: ignore,
    subscribable: ignore,
    message: ignore,
    moved: ignore,
    failed: (name, error) => failures.set(name, error.message || error.name),
  });
  servers.start();
  try {
    await answering(servers);
    const silent = servers.all.filter(({ isReady }) => !isReady);
    const findings = await Promise.all(
      servers.all.filter(({ isReady }) => isReady).map((server) => checkServer(server, waitReplicas)),
    );
    if (servers.all.length > 0 && silent.length === 0) return findings.flat();
    return [
      ...findings.flat(),
      unreachable(
        silent.map(({ name }) => name),
        failures,
        describeAddress(address),
      ),
    ];
  } finally {
    servers.close();
  }
}

/** Waits until all servers answer, or that takes too long. */
async function answering(servers: RedisServers): Promise<void> {
  const ends = Date.now() + ANSWER_MS;
  while (Date.now() < ends) {
    if (servers.all.length > 0 && servers.all.every(({ isReady }) => isReady)) return;
    await delay(LOOK_MS);
  }
}

function unreachable(names: readonly string[], failures: ReadonlyMap<string, string>, all: string): Finding {
  const reasons = [...failures].map(([name, reason]) => `${name}: ${reason}`);
  return problem(
    `Redis: no answer from ${names.join(', ') || all} (${reasons.join('; ') || 'silence'})`,
    'is it running, is NOTIFIER_REDIS_URL right, and may this machine reach it?',
  );
}

async function checkServer(server: RedisServer, waitReplicas: number): Promise<Finding[]> {
  const { commands, name } = server;
  try {
    const info = fields(await commands.info());
    return [
      checkVersion(name, info),
      ...(await checkSettings(server)),
      ...checkReplicas(name, Number(info.get('connected_slaves') ?? 0), waitReplicas),
    ];
  } catch (error) {
    return [
      problem(
        `Redis: ${name} refuses INFO (${(error as Error).message})`,
        'see docs/operations.md for the rights',
      ),
    ];
  }
}

function fields(info: string): ReadonlyMap<string, string> {
  const lines = info.split('\r\n').map((line) => /^([^#:]+):(.*)$/.exec(line));
  return new Map(lines.flatMap((match) => (match ? [[match[1]!, match[2]!] as const] : [])));
}

function checkVersion(name: string, info: ReadonlyMap<string, string>): Finding {
  const valkey = info.get('valkey_version');
  const version = valkey ?? info.get('redis_version') ?? '';
  const product = valkey === undefined ? 'Redis' : 'Valkey';
  if (Number.parseInt(version) >= OLDEST_VERSION) return ok(`Redis: ${name} is ${product} ${version}`);
  return problem(`Redis: ${name} is ${product} ${version}`, `it must be ${OLDEST_VERSION} or later`);
}

async function checkSettings({ commands, name }: RedisServer): Promise<Finding[]> {
  try {
    const reply = await commands.config('GET', 'maxmemory-policy', 'appendonly', 'appendfsync');
    const settings = new Map<string, string>();
    for (let i = 0; i < reply.length; i += 2) settings.set(reply[i]!, reply[i + 1]!);
    return [checkPolicy(name, settings.get('maxmemory-policy')!), checkPersistence(name, settings)];
  } catch {
    return [
      warning(
        `Redis: ${name} does not let this user read its settings`,
        'allow +config|get, or look at maxmemory-policy, appendonly and appendfsync by hand',
      ),
    ];
  }
}

function checkPolicy(name: string, policy: string): Finding {
  const evicted = evictedBy(policy);
  if (evicted === undefined) return ok(`Redis: ${name} evicts nothing`);
  return problem(`Redis: ${name} may evict ${evicted} (maxmemory-policy ${policy})`, 'set it to noeviction');
}

function checkPersistence(name: string, settings: ReadonlyMap<string, string>): Finding {
  if (settings.get('appendonly') !== 'yes') {
    return warning(
      `Redis: ${name} keeps no file of what it is told: everything may be gone when it restarts`,
      'appendonly yes keeps it, with appendfsync always every answered push',
    );
  }
  const flush = settings.get('appendfsync');
  if (flush === 'always') return ok(`Redis: ${name} writes every push to its file before it answers`);
  return warning(
    `Redis: ${name} may lose its last second when it is killed, and everybody is told of a gap then (appendfsync ${flush})`,
    'appendfsync always, if that is too much',
  );
}

function checkReplicas(name: string, replicas: number, wanted: number): Finding[] {
  if (wanted === 0) return [];
  if (replicas >= wanted)
    return [ok(`Redis: ${name} has ${replicas} replicas, ${wanted} must have each push`)];
  return [
    problem(
      `Redis: ${name} has ${replicas} replicas, and ${wanted} must have each push: all get 503`,
      'add replicas, or lower NOTIFIER_REDIS_WAIT',
    ),
  ];
}
