import { Logger } from '@nestjs/common';
import type { Push } from '../notifier/event.js';
import { EventLog, StoreUnavailableError } from '../notifier/event-log.js';
import type {
  AppendResult,
  CursorState,
  LogExtent,
  LogListener,
  LogView,
  Page,
  Since,
  Survey,
} from '../notifier/event-log.js';
import type { Position } from '../notifier/position.js';
import { resolvePosition } from '../notifier/start-point.js';
import { describeAddress, type RedisAddress } from '../redis/redis-address.js';
import type { RedisServer } from '../redis/redis-server.js';
import { type Answer, RedisServers } from '../redis/redis-servers.js';
import type { Bounds } from './bounds.js';
import { Announcements } from './redis/announcements.js';
import { Arrivals } from './redis/arrivals.js';
import { Appends, PUBLISH } from './redis/appends.js';
import { Keys, partitionOf, PARTITIONS, slotOfPartition } from './redis/partitions.js';
import { readLook, text, type Look } from './redis/replies.js';
import { ScriptCalls, type ScriptCall } from './redis/script-calls.js';
import { scripts } from './redis/scripts.js';
import { refusedRights } from './redis/rights.js';
import { describeFailure, inspectServer } from './redis/server-settings.js';

/** What the store is told of the configuration. */
export interface RedisOptions {
  readonly address: RedisAddress;
  /** Keys and channels begin with it. */
  readonly prefix: string;
  /** Replicas that must have a write before it counts. */
  readonly waitReplicas: number;
}

const ANSWER_TIMEOUT_MS = 1900;

/** A server that does not answer as it should is looked at again after so long. */
const RETRY_MS = 500;

/** Partitions looked at in one call after a connection is new. */
const ATTESTED_AT_ONCE = 64;

const NOWHERE: Position = { epoch: '', seq: 0, tag: 0 };

/**
 * The users' logs in Redis or Valkey, for several nodes.
 *
 * What is one step, is one script (`redis/*.lua`). Each partition of users keeps the identity of the server that wrote
 * last; where another one answers and the store cannot know that it has everything, positions from before are
 * no longer trusted, and open cursors are told (`losses`).
 *
 * An event is seen by those who listen as soon as Redis has it, with `waitReplicas` too: one that a failover then takes
 * back was not acknowledged, and whoever saw it stands at a position that is unknown from then on.
 */
export class RedisEventLog extends EventLog {
  readonly name = 'redis';
  override readonly isShared = true;
  private readonly logger = new Logger(RedisEventLog.name);
  private readonly keys: Keys;
  private readonly servers: RedisServers;
  private readonly calls: ScriptCalls;
  private readonly announcements: Announcements;
  private readonly arrivals = new Arrivals();
  private readonly appends: Appends;
  private listener: LogListener | undefined;
  private unreadySince: number | undefined = performance.now();
  private isClosed = false;
  private readonly attested = new WeakMap<RedisServer, number>();
  /** When a server is looked at again that did not answer as it should. */
  private readonly retries = new WeakMap<RedisServer, NodeJS.Timeout>();
  /** Servers that do not let this user do what is needed. */
  private readonly refusing = new WeakSet<RedisServer>();
  /** What was said of servers that do not do as they should. */
  private readonly complaints = new Map<string, Set<string>>();

  /** @param clock instead of the server's, for tests */
  constructor(
    bounds: Bounds,
    private readonly options: RedisOptions,
    clock?: () => number,
  ) {
    super();
    this.keys = new Keys(options.prefix);
    this.announcements = new Announcements(
      this.keys,
      this.arrivals,
      () => this.servers,
      () => this.listener,
    );
    this.servers = new RedisServers(options.address, {
      connected: (server) => void this.attest(server),
      disconnected: (server) => this.noteLoss(server),
      subscribable: (server) => void this.announcements.resubscribe(server),
      message: (channel, message) => this.announcements.hear(channel, message),
      moved: () => void this.announcements.follow(),
      failed: (name, error) => this.complain(name, describeFailure(error)),
    });
    this.calls = new ScriptCalls(this.servers, bounds, options.waitReplicas, clock);
    this.appends = new Appends(this.keys, this.servers, bounds, this.arrivals, (call) => this.write(call));
    this.logger.log(`waiting for Redis at ${describeAddress(options.address)}`);
    this.servers.start();
  }

  async append(push: Push): Promise<AppendResult> {
    if (push.events.length === 0 && !push.idempotency) return 'stored';
    return this.inTime(this.appends.store(push));
  }

  async drop(accessId: string): Promise<number> {
    const partition = partitionOf(accessId);
    const keys = [this.keys.partition(partition), this.keys.list(partition, accessId)];
    const dropped = this.write({ script: scripts.drop, partitions: [partition], keys, args: [PUBLISH] });
    return this.inTime(dropped.then(({ reply }) => reply as number));
  }

  async view(accessId: string, seq: number): Promise<LogView> {
    return (await this.look(accessId, { ...NOWHERE, seq }, 0)).view;
  }

  async read(
    accessId: string,
    after: Position,
    maxBytes: number,
    since: Since | undefined,
  ): Promise<Page | undefined> {
    const { view, page } = await this.look(accessId, after, maxBytes, since);
    const start = resolvePosition(view, after);
    if (!start) return undefined;
    return page ?? { epoch: start.epoch, events: [], start, end: start, reachedHead: true };
  }

  async extent(accessId: string): Promise<LogExtent> {
    const { view, page } = await this.look(accessId, NOWHERE, 1);
    const { head } = view;
    const first = page?.events[0];
    return {
      events: head ? head.seq - head.trimmedSeq : 0,
      bytes: head?.bytes ?? 0,
      oldest: head && first && { epoch: head.epoch, seq: first.seq, tag: first.tag },
      newest: head && first && { epoch: head.epoch, seq: head.seq, tag: head.tag },
      trimmed: head?.trimmedSeq ?? 0,
      drops: head?.drops ?? 0,
    };
  }

  private async look(accessId: string, at: Position, maxBytes: number, since?: Since): Promise<Look> {
    const partition = partitionOf(accessId);
    const keys = [this.keys.partition(partition), this.keys.list(partition, accessId)];
    const skip = since ? [String(since.createdAt), String(since.until)] : ['', '0'];
    const args = [at.epoch, String(at.seq), String(maxBytes), ...skip];
    const { reply } = await this.run({ script: scripts.read, partitions: [partition], keys, args });
    return readLook(reply);
  }

  listen(listener: LogListener): void {
    this.listener = listener;
  }

  override watch(accessId: string): Promise<void> {
    return this.announcements.watch(accessId);
  }

  override unwatch(accessId: string): void {
    this.announcements.unwatch(accessId);
  }

  /** One server of a cluster that does not answer says nothing of the users of the others. */
  override async survey(cursors: readonly CursorState[]): Promise<Survey> {
    this.announcements.retry(cursors.map(({ accessId }) => accessId));
    const byPartition = new Map<number, number[]>();
    for (const [index, { accessId }] of cursors.entries()) {
      const partition = partitionOf(accessId);
      const indexes = byPartition.get(partition);
      if (indexes) indexes.push(index);
      else byPartition.set(partition, [index]);
    }
    const answers = await Promise.allSettled(
      this.together([...byPartition]).map(async (group) => {
        const astray = await this.check(group, cursors);
        return { astray, asked: group.reduce((sum, [, indexes]) => sum + indexes.length, 0) };
      }),
    );
    const given = answers.filter((answer) => answer.status === 'fulfilled').map(({ value }) => value);
    const refusal = answers.find((answer) => answer.status === 'rejected');
    if (refusal && given.length === 0) throw refusal.reason;
    const astray = given.flatMap((answer) => answer.astray);
    // What was not announced may be so because the channel is lost: a slot that leaves and comes back takes it away.
    await this.announcements.renew(astray.map((index) => cursors[index]!.accessId));
    return { astray, unknown: cursors.length - given.reduce((sum, { asked }) => sum + asked, 0) };
  }

  /** Partitions that one call can look at: one on a cluster, all of them on one server. */
  private together<T>(groups: readonly T[], most = PARTITIONS): T[][] {
    const size = this.servers.isCluster ? 1 : most;
    const calls: T[][] = [];
    for (let i = 0; i < groups.length; i += size) calls.push(groups.slice(i, i + size));
    return calls;
  }

  private async check(
    group: readonly (readonly [partition: number, indexes: readonly number[]])[],
    cursors: readonly CursorState[],
  ): Promise<number[]> {
    const { epochs } = this.calls;
    const args = group.flatMap(([partition, indexes]) => [
      epochs[partition]!,
      String(indexes.length),
      ...indexes.flatMap((index) => [cursors[index]!.accessId, statement(cursors[index]!)]),
    ]);
    const partitions = group.map(([partition]) => partition);
    const keys = partitions.map((partition) => this.keys.partition(partition));
    const { reply } = await this.run({ script: scripts.check, partitions, keys, args });
    const [astray, changed] = reply as [number[], Buffer[]];
    for (const [i, partition] of partitions.entries())
      epochs[partition] = text(changed[i]!) || epochs[partition]!;
    const order = group.flatMap(([, indexes]) => indexes);
    return astray.map((place) => order[place]!);
  }

  isReady(): boolean {
    return !this.isClosed && this.unreadySince === undefined;
  }

  override get silentSince(): number | undefined {
    return this.unreadySince;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.servers.close();
  }

  /**
   * Looks at all partitions of a server that is newly connected, so that what it may have lost is noted at once and not
   * with the first push.
   */
  private async attest(server: RedisServer): Promise<void> {
    const { generation } = server;
    clearTimeout(this.retries.get(server));
    // Before anything is awaited: whoever finds it connected sends what comes behind them.
    server.load(Object.values(scripts));
    try {
      if (await inspectServer(server, this.logger)) this.calls.durable.add(server);
      else this.calls.durable.delete(server);
      const own = [...Array(PARTITIONS).keys()].filter(
        (partition) => this.servers.serverOf(slotOfPartition(partition)) === server,
      );
      if (own.length > 0) await this.rehearse(server, own[0]!);
      const groups = own.map((partition) => [partition, []] as const);
      for (const group of this.together(groups, ATTESTED_AT_ONCE)) await this.check(group, []);
      this.attested.set(server, generation);
      this.complaints.delete(server.name);
      this.judgeReadiness();
    } catch (error) {
      if (this.isClosed || server.generation !== generation) return;
      this.complain(server.name, `does not answer as it should: ${(error as Error).message}`);
      // Of two that were under way, one is enough.
      clearTimeout(this.retries.get(server));
      this.retries.set(server, setTimeout(() => void this.attest(server), RETRY_MS).unref());
    }
  }

  /** @throws Error where it refuses something that is needed */
  private async rehearse(server: RedisServer, partition: number): Promise<void> {
    const refused = await refusedRights(server, this.keys, partition, {
      publishing: PUBLISH,
      waits: this.options.waitReplicas > 0,
      isCluster: this.servers.isCluster,
    });
    if (refused.length === 0) return void this.refusing.delete(server);
    this.refusing.add(server);
    throw new Error(`its ACL refuses ${refused.join('; ')}`);
  }

  /** Says what is wrong with a server, once until it does as it should: what lies between may fail in turns, at every attempt. */
  private complain(name: string, what: string): void {
    const said = this.complaints.get(name) ?? new Set();
    if (this.isClosed || said.has(what)) return;
    this.complaints.set(name, said.add(what));
    this.logger.warn(`Redis at ${name} ${what}`);
  }

  private noteLoss(server: RedisServer): void {
    if (this.isClosed) return;
    if (this.attested.delete(server)) this.logger.warn(`the connection to Redis at ${server.name} is lost`);
    this.judgeReadiness();
  }

  /** Ready where most servers answer: with one of many gone, this node is as good as every other. */
  private judgeReadiness(): void {
    const serving = [...this.servers.serving];
    const answering = serving.filter((server) => server.isReady && this.attested.has(server)).length;
    const isReady = answering * 2 > serving.length;
    if (isReady === this.isReady()) return;
    this.unreadySince = isReady ? undefined : performance.now();
    this.logger.log(isReady ? 'Redis takes events' : 'Redis does not take events');
  }

  private async write(call: ScriptCall): Promise<Answer> {
    this.assertOpen();
    const server = this.servers.serverOf(slotOfPartition(call.partitions[0]!));
    if (server && this.refusing.has(server)) throw new StoreUnavailableError('the ACL of Redis refuses it');
    return this.calls.write(call);
  }

  private run(call: ScriptCall): Promise<Answer> {
    this.assertOpen();
    return this.calls.run(call);
  }

  private assertOpen(): void {
    if (this.isClosed) throw new StoreUnavailableError('the store is closed');
  }

  /** @throws StoreUnavailableError where it takes longer than a push may */
  private async inTime<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new StoreUnavailableError('Redis is too slow')), ANSWER_TIMEOUT_MS);
    });
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      if (error instanceof StoreUnavailableError) throw error;
      throw new StoreUnavailableError((error as Error).message, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A cursor's state as `check.lua` compares it. */
function statement({ position, drops, losses }: CursorState): string {
  return `${position.epoch}.${position.seq}.${position.tag} ${drops} ${losses}`;
}
