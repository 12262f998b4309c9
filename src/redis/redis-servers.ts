import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { StoreUnavailableError } from '../notifier/event-log.js';
import type { RedisAddress } from './redis-address.js';
import { COMMAND_TIMEOUT_MS, DISCONNECT_TIMEOUT_MS, RedisServer } from './redis-server.js';
import type { ConnectionOptions, RedisServerListener } from './redis-server.js';
import type { RedisScript, Reply } from './redis-script.js';
import { SLOTS } from './slots.js';

/** How often a cluster is asked who serves what. Redirections are heeded at once; this finds a master that went silent. */
const REFRESH_MS = 2000;

/** Between attempts while a slot is on its way or its master is being replaced. */
const RETRY_MS = 50;

/** A cluster's answers after which the same call is made again: it has done nothing. */
const TRY_AGAIN = /^(TRYAGAIN|CLUSTERDOWN|LOADING|MASTERDOWN)/;

/** How long a server is kept that answers pointed to although it serves no slot: one is on its way there. */
const POINTED_AT_MS = 10_000;

/** An answer, and the connection that it came over. */
export interface Answer {
  readonly reply: Reply;
  readonly server: RedisServer;
  readonly generation: number;
}

/** What is told of all servers. */
export interface RedisServersListener extends RedisServerListener {
  /** Some slots are served by another server than before. */
  moved(): void;
}

/** The servers that take writes, and which of them serves which slot. One server serves all. */
export class RedisServers {
  private readonly byName = new Map<string, RedisServer>();
  private slots: (RedisServer | undefined)[] = Array.from({ length: SLOTS });
  private timer: NodeJS.Timeout | undefined;
  private refreshing: Promise<void> | undefined;
  private isClosed = false;
  /** When a server last said that the cluster is down. One that is cut off says so, and goes on naming itself. */
  private readonly doubted = new WeakMap<RedisServer, number>();
  /** When an answer last pointed to a server. */
  private readonly pointedAt = new WeakMap<RedisServer, number>();

  constructor(
    private readonly address: RedisAddress,
    private readonly listener: RedisServersListener,
  ) {}

  /** Connects, now and whenever a connection is lost. */
  start(): void {
    if (this.isCluster) {
      this.timer = setInterval(() => void this.refresh(), REFRESH_MS);
      void this.refresh();
      return;
    }
    const [node] = this.address.nodes;
    const name = `${node!.host}:${node!.port}`;
    this.slots.fill(this.open(name, this.address.kind === 'sentinel' ? this.sentinelOptions() : node!));
  }

  get isCluster(): boolean {
    return this.address.kind === 'cluster';
  }

  get all(): readonly RedisServer[] {
    return [...this.byName.values()];
  }

  /** Those that serve something. */
  get serving(): ReadonlySet<RedisServer> {
    return new Set(this.slots.filter((server) => server !== undefined));
  }

  serverOf(slot: number): RedisServer | undefined {
    return this.slots[slot];
  }

  close(): void {
    this.isClosed = true;
    clearInterval(this.timer);
    for (const server of this.byName.values()) server.close();
  }

  /**
   * Runs a script where `slot` is served, as often as it takes to get there. All keys must be of that slot, if this is a
   * cluster.
   *
   * @throws StoreUnavailableError: it may or may not have run
   */
  async run(
    script: RedisScript,
    slot: number,
    keys: readonly string[],
    args: readonly (string | Buffer)[],
  ): Promise<Answer> {
    const ends = performance.now() + COMMAND_TIMEOUT_MS;
    let server = this.serverOf(slot);
    let isAsking = false;
    for (;;) {
      if (!server) throw new StoreUnavailableError('nobody serves that part of the cluster');
      const { generation } = server;
      try {
        return { reply: await server.run(script, keys, args, isAsking), server, generation };
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        if (message.startsWith('CLUSTERDOWN')) this.doubt(server);
        const redirection = this.redirection(slot, message, server.name);
        if ((!redirection && !TRY_AGAIN.test(message)) || performance.now() > ends) throw unavailable(error);
        isAsking = redirection !== undefined && message.startsWith('ASK');
        if (!redirection?.isReady) await delay(RETRY_MS);
        const next = redirection ?? this.serverOf(slot);
        if (next && next !== server) await connected(next, ends);
        server = next;
      }
    }
  }

  /** The server that an answer points to: `MOVED 3999 127.0.0.1:6381` for good, `ASK …` for this time. */
  private redirection(slot: number, message: string, askedOf: string): RedisServer | undefined {
    const [, kind, host, port] = /^(MOVED|ASK) \d+ (\S*):(\d+)/.exec(message) ?? [];
    if (!kind || !this.isCluster || this.isClosed) return undefined;
    const server = this.at(nameOf(host, port!, askedOf));
    this.pointedAt.set(server, performance.now());
    if (kind === 'MOVED') {
      if (this.slots[slot] !== server) {
        this.slots[slot] = server;
        this.listener.moved();
      }
      void this.refresh();
    }
    return server;
  }

  private at(name: string): RedisServer {
    const colon = name.lastIndexOf(':');
    const node = { host: name.slice(0, colon), port: Number(name.slice(colon + 1)) };
    return this.byName.get(name) ?? this.open(name, node);
  }

  private open(name: string, options: ConnectionOptions): RedisServer {
    const server = new RedisServer(name, { ...this.credentials(), ...options }, this.listener);
    this.byName.set(name, server);
    return server;
  }

  private credentials(): ConnectionOptions {
    const { username, password, database, usesTls } = this.address;
    return {
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(usesTls ? { tls: {} } : {}),
      db: database,
    };
  }

  private sentinelOptions(): ConnectionOptions {
    const { nodes, name, sentinels } = this.address;
    return {
      sentinels: nodes.map((node) => ({ ...node })),
      name,
      ...(sentinels && { sentinelPassword: sentinels.password }),
      ...(sentinels?.username !== undefined && { sentinelUsername: sentinels.username }),
      // Told of a promotion, it leaves a master that is cut off but alive.
      failoverDetector: true,
      sentinelRetryStrategy: (times) => Math.min(1000, times * 50),
      sentinelCommandTimeout: 1000,
    };
  }

  private doubt(server: RedisServer): void {
    if (!this.isCluster) return;
    this.doubted.set(server, performance.now());
    void this.refresh();
  }

  /** Asks one node after the other who serves what. */
  private refresh(): Promise<void> {
    this.refreshing ??= this.ask().finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }

  private async ask(): Promise<void> {
    const doubtedAt = (server: RedisServer) => this.doubted.get(server) ?? 0;
    const answering = this.all.filter(({ isReady }) => isReady);
    for (const server of answering.toSorted((a, b) => doubtedAt(a) - doubtedAt(b))) {
      const ranges = await slotsOf(server.commands).catch(() => undefined);
      if (ranges) return this.learn(ranges, server.name);
    }
    for (const { host, port } of this.address.nodes) {
      const ranges = await this.askSeed(host, port);
      if (ranges) return this.learn(ranges, `${host}:${port}`);
    }
  }

  private async askSeed(host: string, port: number): Promise<readonly SlotRange[] | undefined> {
    const seed = new Redis({ ...SEED, ...this.credentials(), host, port });
    // What follows from the first error says less than it.
    let reason: Error | undefined;
    seed.on('error', (error) => (reason ??= error));
    try {
      await seed.connect();
      return await slotsOf(seed);
    } catch (error) {
      this.listener.failed(`${host}:${port}`, reason ?? (error as Error));
      return undefined;
    } finally {
      seed.disconnect();
    }
  }

  private learn(ranges: readonly SlotRange[], askedOf: string): void {
    if (this.isClosed) return;
    const before = this.slots;
    this.slots = [...before];
    for (const [first, last, [host, port]] of ranges) {
      this.slots.fill(this.at(nameOf(host, port, askedOf)), first, last + 1);
    }
    this.letGo();
    if (this.slots.some((server, slot) => server !== before[slot])) this.listener.moved();
  }

  private letGo(): void {
    const { serving } = this;
    const now = performance.now();
    for (const [name, server] of this.byName) {
      const pointedAt = this.pointedAt.get(server) ?? -Infinity;
      if (serving.has(server) || now - pointedAt < POINTED_AT_MS) continue;
      this.byName.delete(name);
      server.close();
    }
  }
}

/** Waits for a server that may be new here and only now connected to, until then at most. */
async function connected(server: RedisServer, ends: number): Promise<void> {
  while (!server.isReady && performance.now() < ends) await delay(RETRY_MS);
}

/** A node that does not know its own address, or is not to tell it, leaves the host out: it is that of the node that was asked. */
function nameOf(host: string | undefined, port: string | number, askedOf: string): string {
  return `${host || askedOf.slice(0, askedOf.lastIndexOf(':'))}:${port}`;
}

type SlotRange = readonly [first: number, last: number, master: readonly [host: string, port: number]];

/** What a node says of who serves what; nothing where it knows nobody, as one that was taken out of its cluster. */
async function slotsOf(connection: Redis): Promise<readonly SlotRange[] | undefined> {
  const ranges = (await connection.cluster('SLOTS')) as unknown as SlotRange[];
  return ranges.length > 0 ? ranges : undefined;
}

const SEED: ConnectionOptions = {
  lazyConnect: true,
  retryStrategy: () => null,
  connectTimeout: 1000,
  commandTimeout: 1000,
  disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  maxRetriesPerRequest: 0,
  protocol: 2,
  disableClientInfo: true,
};

function unavailable(error: unknown): StoreUnavailableError {
  if (error instanceof StoreUnavailableError) return error;
  return new StoreUnavailableError(error instanceof Error ? error.message : String(error), { cause: error });
}
