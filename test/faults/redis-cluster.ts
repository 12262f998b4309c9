import { partitionOf, slotOfPartition } from '../../src/storage/redis/partitions.js';
import { readIdempotencyKey } from '../../src/wire/idempotency-key.js';
import { RedisClusterProcesses, RedisProcess } from '../support/redis-server.js';
import { eventually } from '../support/wait.js';

const SETTLED_MS = 60_000;

const SETTINGS = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'];

/** One line of `CLUSTER NODES`. */
interface Member {
  readonly id: string;
  readonly port: number;
  readonly flags: readonly string[];
  readonly masterId: string;
  readonly slots: readonly (readonly [first: number, last: number])[];
}

/** A Redis Cluster of three masters with a replica each, whose members are lost and whose slots move. */
export class FaultyCluster {
  /** Redirections that servers counted which were killed since. */
  private readonly counted: Record<string, number> = { MOVED: 0, ASK: 0, TRYAGAIN: 0 };

  private constructor(
    private readonly processes: RedisClusterProcesses,
    private readonly replicas: readonly RedisProcess[],
  ) {}

  static async start(): Promise<FaultyCluster> {
    const processes = await RedisClusterProcesses.start(3);
    const replicas = await Promise.all(processes.masters.map(() => RedisProcess.start(...SETTINGS)));
    const cluster = new FaultyCluster(processes, replicas);
    const [first] = processes.masters;
    for (const { port } of replicas) await first!.ask('CLUSTER', 'MEET', '127.0.0.1', port);
    for (const [i, replica] of replicas.entries()) {
      const id = String(await processes.masters[i]!.ask('CLUSTER', 'MYID'));
      const follow = () =>
        replica.ask('CLUSTER', 'REPLICATE', id).then(
          () => true,
          () => false,
        );
      await eventually(follow, 'a replica knows its master', SETTLED_MS);
    }
    await cluster.settled();
    return cluster;
  }

  get servers(): readonly RedisProcess[] {
    return [...this.processes.masters, ...this.replicas];
  }

  /** Some of its nodes, as `NOTIFIER_REDIS_URL` names them. */
  get url(): string {
    return this.processes.url;
  }

  /** Servers that own slots. */
  async masters(): Promise<RedisProcess[]> {
    const members = await this.members();
    return members.filter((member) => member.slots.length > 0).map((member) => this.at(member.port));
  }

  async ownerOf(slot: number): Promise<RedisProcess> {
    const members = await this.members();
    return this.at(members.find((member) => owns(member, slot))!.port);
  }

  /** A key of `keys` whose claim is on another server than `server`. */
  async keyElsewhere(server: RedisProcess, newKey: () => string): Promise<string> {
    const members = await this.members();
    const own = members.find(({ port }) => port === server.port)!;
    for (;;) {
      const key = newKey();
      // Without API keys all connectors are one, whose name is empty.
      const claim = readIdempotencyKey(key, Buffer.alloc(0), '')!;
      if (!owns(own, slotOfPartition(partitionOf(claim.key)))) return key;
    }
  }

  /** Waits until another server has the place of a master that is gone. */
  async replaced(master: RedisProcess): Promise<void> {
    const isReplaced = async () => {
      const members = await this.members(master);
      return !members.some(({ port, slots }) => port === master.port && slots.length > 0);
    };
    await eventually(isReplaced, 'a replica is promoted', SETTLED_MS);
  }

  /** Waits until everybody is well and every master's replica has all that it has. */
  async settled(): Promise<void> {
    await eventually(
      async () => {
        const states = await Promise.all(this.servers.map((server) => this.isWell(server)));
        return states.every(Boolean);
      },
      'the cluster is well',
      SETTLED_MS,
    );
  }

  /** Moves one slot to another master as an operator does, its keys step by step. */
  async migrate(slot: number, target: RedisProcess, between: () => Promise<unknown>): Promise<void> {
    const source = await this.ownerOf(slot);
    const [sourceId, targetId] = await Promise.all([
      source.ask('CLUSTER', 'MYID'),
      target.ask('CLUSTER', 'MYID'),
    ]);
    await target.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(sourceId));
    await source.ask('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(targetId));
    for (;;) {
      const keys = (await source.ask('CLUSTER', 'GETKEYSINSLOT', slot, 100_000)) as string[];
      if (keys.length === 0) break;
      // Heads and events first: from then on the rest of the way is done by redirections.
      const ordered = keys.toSorted((a, b) => Number(/:[im]:/.test(a)) - Number(/:[im]:/.test(b)));
      const some = ordered.slice(0, Math.max(1, Math.ceil(keys.length / 4)));
      await source.ask('MIGRATE', '127.0.0.1', target.port, '', 0, 5000, 'KEYS', ...some);
      await between();
    }
    for (const server of [target, source])
      await server.ask('CLUSTER', 'SETSLOT', slot, 'NODE', String(targetId));
  }

  async kill(server: RedisProcess): Promise<void> {
    await count(server, this.counted);
    await server.kill();
  }

  /** How often clients were sent elsewhere. */
  async redirections(): Promise<Record<string, number>> {
    const sums = { ...this.counted };
    await Promise.all(this.servers.map((server) => count(server, sums)));
    return sums;
  }

  async remove(): Promise<void> {
    await this.processes.remove();
    await Promise.all(this.replicas.map((replica) => replica.remove()));
  }

  private at(port: number): RedisProcess {
    return this.servers.find((server) => server.port === port)!;
  }

  private async isWell(server: RedisProcess): Promise<boolean> {
    try {
      const answers = [
        server.ask('CLUSTER', 'INFO'),
        server.ask('INFO', 'replication'),
        server.ask('CLUSTER', 'NODES'),
      ];
      const [info, replication, nodes] = (await Promise.all(answers)).map(String);
      const members = parseMembers(nodes!);
      const isLinked = /role:master/.test(replication!)
        ? /connected_slaves:[1-9]/.test(replication!)
        : /master_link_status:up/.test(replication!);
      const hasAll = members.length === this.servers.length && members.every(({ flags }) => !isLost(flags));
      return info!.includes('cluster_state:ok') && hasAll && isLinked;
    } catch {
      return false;
    }
  }

  /** The cluster as a server sees it that is not `except`. */
  private async members(except?: RedisProcess): Promise<Member[]> {
    for (const server of this.servers.filter((one) => one !== except)) {
      const nodes = await server.ask('CLUSTER', 'NODES').catch(() => undefined);
      if (nodes !== undefined) return parseMembers(nodes as string);
    }
    throw new Error('nobody of the cluster answers');
  }
}

/** Adds what a server has counted since it was started. */
async function count(server: RedisProcess, sums: Record<string, number>): Promise<void> {
  const stats = String(await server.ask('INFO', 'errorstats').catch(() => ''));
  for (const kind of Object.keys(sums))
    sums[kind]! += Number(new RegExp(`errorstat_${kind}:count=(\\d+)`).exec(stats)?.[1] ?? 0);
}

function isLost(flags: readonly string[]): boolean {
  return flags.some((flag) => flag.startsWith('fail') || flag === 'handshake' || flag === 'noaddr');
}

function owns({ slots }: Member, slot: number): boolean {
  return slots.some(([first, last]) => first <= slot && slot <= last);
}

function parseMembers(text: string): Member[] {
  const lines = text.trim().split('\n');
  return lines.map((line) => {
    const [id, address, flags, masterId, , , , , ...ranges] = line.split(' ');
    return {
      id: id!,
      port: Number(/:(\d+)@/.exec(address!)?.[1]),
      flags: flags!.split(','),
      masterId: masterId!,
      slots: ranges
        .filter((range) => !range.startsWith('['))
        .map((range) => {
          const [first, last = first] = range.split('-').map(Number);
          return [first!, last!] as const;
        }),
    };
  });
}
