import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { remember } from './children.js';
import { eventually } from './wait.js';

/**
 * Ports for servers that keep their address while they are restarted. Below those that systems give to outgoing connections (Linux: from 32,768),
 * one of which could have it meanwhile, together with a cluster's bus, which listens 10,000 above.
 */
const FIRST_PORT = 12_000;
const PORTS = 10_000;

const given = new Set<number>();

/** A port that was free a moment ago, and that this process has not been given yet. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/** How often a server is started on another port where somebody was faster. */
const ATTEMPTS = 5;

/** A real redis-server process with a folder of its own. */
export class RedisProcess {
  private child: ChildProcess | undefined;
  private output = '';

  private constructor(
    readonly port: number,
    private readonly folder: string,
    private readonly args: readonly string[],
    private readonly program = 'redis-server',
  ) {}

  /** @param args as redis-server takes them, over: nothing is saved */
  static async start(...args: string[]): Promise<RedisProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'notifier-redis-'));
    for (let attempt = 1; ; attempt++) {
      const redis = new RedisProcess(await freePort(), folder, args);
      try {
        await redis.restart();
        return redis;
      } catch (error) {
        if (attempt === ATTEMPTS || !redis.output.includes('Address already in use')) throw error;
      }
    }
  }

  /** As `start`, with Valkey in the place of Redis. */
  static async startValkey(...args: string[]): Promise<RedisProcess> {
    const folder = await mkdtemp(join(tmpdir(), 'notifier-valkey-'));
    const valkey = new RedisProcess(await freePort(), folder, args, 'valkey-server');
    await valkey.restart();
    return valkey;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it, on the data that its predecessor left. */
  async restart(): Promise<void> {
    const own = ['--port', String(this.port), '--dir', this.folder, '--bind', '127.0.0.1'];
    const quiet = ['--save', '', '--repl-diskless-sync-delay', '0', '--loglevel', 'notice'];
    const child = spawn(this.program, [...own, ...quiet, ...this.args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = remember(child);
    child.stdout.on('data', (chunk: Buffer) => (this.output = (this.output + chunk).slice(-4000)));
    child.stderr.on('data', (chunk: Buffer) => (this.output = (this.output + chunk).slice(-4000)));
    await eventually(() => this.answers(), `redis-server answers: ${this.output}`);
  }

  private async answers(): Promise<boolean> {
    if (this.child?.exitCode !== null) throw new Error(`redis-server ended: ${this.output}`);
    return this.ask('PING').then(
      (reply) => reply === 'PONG',
      () => false,
    );
  }

  /** Sends one command over a connection of its own. */
  ask(command: string, ...args: (string | number | Buffer)[]): Promise<unknown> {
    return askOnce(this.port, command, ...args);
  }

  /** Stops it answering, without anybody being told. */
  pause(): void {
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }

  /** Ends it at once; its data stay. */
  async kill(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
  }

  /** Ends it and takes its data away. */
  async remove(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

const ONCE = {
  host: '127.0.0.1',
  lazyConnect: true,
  retryStrategy: () => null,
  maxRetriesPerRequest: 0,
  connectTimeout: 1000,
  commandTimeout: 10_000,
  // It waits even for connections that have ended, and the process of the tests with it.
  disconnectTimeout: 0,
} as const;

/** Sends one command to whoever listens on `port`, over a connection of its own. */
export async function askOnce(
  port: number,
  command: string,
  ...args: (string | number | Buffer)[]
): Promise<unknown> {
  const client = new Redis({ ...ONCE, port });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.call(command, ...args);
  } finally {
    client.disconnect();
  }
}

/** A Redis Cluster of masters without replicas. */
export class RedisClusterProcesses {
  private constructor(readonly masters: readonly RedisProcess[]) {}

  static async start(count = 3): Promise<RedisClusterProcesses> {
    const settings = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'];
    const masters: RedisProcess[] = [];
    for (let i = 0; i < count; i++) masters.push(await RedisProcess.start(...settings));
    await Promise.all(
      masters.map((master, i) => {
        const first = Math.floor((i * 16_384) / count);
        const last = Math.floor(((i + 1) * 16_384) / count) - 1;
        return master.ask('CLUSTER', 'ADDSLOTSRANGE', first, last);
      }),
    );
    // Two nodes that join must not take the same epoch.
    for (const [i, master] of masters.entries()) await master.ask('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
    for (const { port } of masters.slice(1)) await masters[0]!.ask('CLUSTER', 'MEET', '127.0.0.1', port);
    const cluster = new RedisClusterProcesses(masters);
    await eventually(() => cluster.isComplete(count), 'the cluster is complete');
    return cluster;
  }

  private async isComplete(count: number): Promise<boolean> {
    const infos = await Promise.all(this.masters.map((master) => master.ask('CLUSTER', 'INFO')));
    return infos.every(
      (info) =>
        String(info).includes('cluster_state:ok') && String(info).includes(`cluster_known_nodes:${count}`),
    );
  }

  get url(): string {
    return `redis://${this.masters.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
  }

  async remove(): Promise<void> {
    await Promise.all(this.masters.map((master) => master.remove()));
  }
}
