import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import {
  Cluster,
  type ConnectedUser,
  type ConnectionInfo,
  type NodeFigures,
  type SilentNode,
} from '../notifier/cluster.js';
import type { RedisAddress } from '../redis/redis-address.js';
import type { Reply } from '../redis/redis-script.js';
import { RedisScript } from '../redis/redis-script.js';
import type { RedisServer } from '../redis/redis-server.js';
import { RedisServers } from '../redis/redis-servers.js';
import { slotOf } from '../redis/slots.js';
import { firstUsers } from './first-users.js';
import type { LocalCluster } from './local-cluster.js';

/** A node renews its lease this often, and counts as gone when it has not for so long. On the server's clock. */
const RENEWAL_MS = 1000;
const LEASE_MS = 5000;

/** How long other nodes may take to answer. */
const ANSWER_MS = 500;

/** Renews a lease, or gives it up where its time is 0, and names all nodes whose lease holds. */
const LEASE = new RedisScript(`#!lua flags=allow-oom
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if tonumber(ARGV[2]) > 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return redis.call('ZRANGE', KEYS[1], 0, -1)`);

const TAG = '{nodes}';

/** What nodes say to each other, as JSON. */
type Question =
  | {
      readonly kind: 'clients';
      readonly after?: string;
      readonly limit: number;
      readonly containing?: string;
    }
  | { readonly kind: 'connections'; readonly accessId: string }
  | { readonly kind: 'figures'; readonly since: number };
type Asked = Question & { readonly id: string; readonly from: string };
interface Answered {
  readonly id: string;
  readonly node: string;
  readonly answer: unknown;
}

interface Pending {
  readonly answers: Map<string, unknown>;
  readonly awaited: ReadonlySet<string>;
  readonly done: () => void;
}

/**
 * All nodes that share one Redis. Who lives is known by leases; what they know, they are asked, so that nobody writes down
 * who comes and goes: 100,000 clients that reconnect cost Redis nothing here.
 */
export class RedisCluster extends Cluster {
  private readonly logger = new Logger(RedisCluster.name);
  private readonly servers: RedisServers;
  private readonly slot = slotOf('nodes');
  private readonly pending = new Map<string, Pending>();
  private readonly timer: NodeJS.Timeout;
  private others: readonly string[] = [];
  private isClosed = false;

  constructor(
    private readonly local: LocalCluster,
    address: RedisAddress,
    private readonly prefix: string,
  ) {
    super();
    this.servers = new RedisServers(address, {
      connected: () => void this.renew(),
      disconnected: () => undefined,
      subscribable: (server) => void this.subscribe(server),
      message: (channel, message) => this.hear(channel, message),
      moved: () => void this.subscribe(this.server),
      // The store says the same of the same servers.
      failed: () => undefined,
    });
    this.servers.start();
    this.timer = setInterval(() => void this.renew(), RENEWAL_MS);
  }

  async clients(
    after: string | undefined,
    limit: number,
    containing?: string,
  ): Promise<readonly ConnectedUser[]> {
    const question = {
      kind: 'clients' as const,
      limit,
      ...(after === undefined ? {} : { after }),
      ...(containing === undefined ? {} : { containing }),
    };
    const answers = await this.ask(question);
    const sums = new Map<string, number>();
    const all = [
      await this.local.clients(after, limit, containing),
      ...answers.values(),
    ] as ConnectedUser[][];
    for (const users of all) {
      for (const { accessId, connections } of users) {
        sums.set(accessId, (sums.get(accessId) ?? 0) + connections);
      }
    }
    const users = [...sums].map(([accessId, connections]) => ({ accessId, connections }));
    return firstUsers(users, after, limit);
  }

  async connectionsOf(accessId: string): Promise<readonly (ConnectionInfo | SilentNode)[]> {
    const asked = this.others;
    const [own, answers] = await Promise.all([
      this.local.connectionsOf(accessId),
      this.ask({ kind: 'connections', accessId }),
    ]);
    const theirs = asked.flatMap((node): (ConnectionInfo | SilentNode)[] => {
      const answer = answers.get(node) as ConnectionInfo[] | undefined;
      return answer ?? [{ node, form: 'unknown' }];
    });
    return [...own, ...theirs];
  }

  async figures(since: number): Promise<readonly NodeFigures[]> {
    const asked = this.others;
    const answers = await this.ask({ kind: 'figures', since });
    const theirs = asked.map((node): NodeFigures => {
      const answer = answers.get(node) as readonly [NodeFigures] | undefined;
      return answer?.[0] ?? { node, startedAt: null, samples: null };
    });
    return [...(await this.local.figures(since)), ...theirs];
  }

  override async close(): Promise<void> {
    clearInterval(this.timer);
    this.isClosed = true;
    const late = delay(ANSWER_MS, undefined, { ref: false });
    if (this.server?.isReady) await Promise.race([this.lease(0), late]);
    this.servers.close();
  }

  private get server(): RedisServer | undefined {
    return this.servers.serverOf(this.slot);
  }

  private channel(name: string): string {
    return `${this.prefix}:${TAG}:${name}`;
  }

  private async renew(): Promise<void> {
    if (this.isClosed) return;
    // Whether it failed or a slot that left and came back took the channels with it: until then the other nodes ask in vain.
    void this.subscribe(this.server);
    await this.lease(LEASE_MS);
  }

  private async lease(ms: number): Promise<void> {
    try {
      const args = [this.local.node, String(ms)];
      const { reply } = await this.servers.run(LEASE, this.slot, [this.channel('leases')], args);
      this.others = (reply as Reply[]).map(String).filter((node) => node !== this.local.node);
    } catch (error) {
      this.logger.debug(`the lease was not renewed: ${(error as Error).message}`);
    }
  }

  private async subscribe(server: RedisServer | undefined): Promise<void> {
    if (!server || server !== this.server || server.subscriber.status !== 'ready') return;
    const channels = [this.channel('ask'), this.channel(`answer:${this.local.node}`)];
    await server.subscriber.ssubscribe(...channels).catch(() => undefined);
  }

  /** What the other living nodes answer within the time they have. */
  private async ask(question: Question): Promise<ReadonlyMap<string, unknown>> {
    const answers = new Map<string, unknown>();
    const awaited = new Set(this.others);
    if (awaited.size === 0) return answers;
    const id = randomUUID();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ANSWER_MS);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      this.pending.set(id, { answers, awaited, done });
      this.publish('ask', { ...question, id, from: this.local.node });
    });
    this.pending.delete(id);
    return answers;
  }

  private publish(channel: string, message: Asked | Answered): void {
    const { server } = this;
    if (!server?.isReady) return;
    server.commands.call('SPUBLISH', this.channel(channel), JSON.stringify(message)).catch(() => undefined);
  }

  private hear(channel: string, message: Buffer): void {
    const said = JSON.parse(message.toString()) as Asked | Answered;
    if (channel !== this.channel('ask')) return this.note(said as Answered);
    if ((said as Asked).from !== this.local.node) void this.answer(said as Asked);
  }

  private note({ id, node, answer }: Answered): void {
    const pending = this.pending.get(id);
    if (!pending?.awaited.has(node)) return;
    pending.answers.set(node, answer);
    if ([...pending.awaited].every((one) => pending.answers.has(one))) pending.done();
  }

  private async answer(asked: Asked): Promise<void> {
    try {
      const answer = await this.answerTo(asked);
      this.publish(`answer:${asked.from}`, { id: asked.id, node: this.local.node, answer });
    } catch (error) {
      this.logger.debug(`no answer to another node: ${(error as Error).message}`);
    }
  }

  private answerTo(asked: Question): Promise<unknown> {
    switch (asked.kind) {
      case 'clients':
        return this.local.clients(asked.after, asked.limit, asked.containing);
      case 'connections':
        return this.local.connectionsOf(asked.accessId);
      case 'figures':
        return this.local.figures(asked.since);
    }
  }
}
