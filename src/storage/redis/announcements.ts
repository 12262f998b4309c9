import { setTimeout as delay } from 'node:timers/promises';
import type { LogListener } from '../../notifier/event-log.js';
import type { RedisServer } from '../../redis/redis-server.js';
import type { RedisServers } from '../../redis/redis-servers.js';
import type { Arrivals } from './arrivals.js';
import { type Keys, partitionOf, slotOfPartition } from './partitions.js';
import { readAnnouncement } from './replies.js';

/** Whoever waits for a subscription goes on after this; position checks make good what it missed. */
const SUBSCRIBE_TIMEOUT_MS = 1500;

/** Channels subscribed in one turn of the event loop after a reconnect: 100,000 at once would block it for a second. */
const CHANNELS_AT_ONCE = 500;

const DROP = 0x44;

/**
 * Announcements of the users who are connected here, over sharded pub/sub, a channel a user. They are never believed to be
 * complete: after every new connection and every move the logs are asked.
 */
export class Announcements {
  /** The users who are watched, and where their channel is subscribed, or may be: a server that was too slow can have done it. */
  private readonly watched = new Map<string, RedisServer | undefined>();
  /** Those of them whose channel may not be subscribed there. */
  private readonly refused = new Set<string>();

  constructor(
    private readonly keys: Keys,
    private readonly arrivals: Arrivals,
    private readonly servers: () => RedisServers,
    private readonly listener: () => LogListener | undefined,
  ) {}

  /** Resolves once the channel is subscribed, or that takes too long. */
  async watch(accessId: string): Promise<void> {
    const late = new AbortController();
    const timeout = delay(SUBSCRIBE_TIMEOUT_MS, undefined, { signal: late.signal }).catch(() => undefined);
    await Promise.race([this.subscribe(accessId), timeout]);
    late.abort();
  }

  unwatch(accessId: string): void {
    const server = this.watched.get(accessId);
    this.watched.delete(accessId);
    this.refused.delete(accessId);
    if (server?.subscriber.status !== 'ready') return;
    server.subscriber.sunsubscribe(this.keys.channel(accessId)).catch(() => undefined);
  }

  /** Asks again for the channels of those users that were refused. */
  retry(accessIds: Iterable<string>): void {
    for (const accessId of accessIds) if (this.refused.has(accessId)) void this.subscribeAgain(accessId);
  }

  /** Subscribes again for those of these users who are still watched, whatever the server was asked before. */
  async renew(accessIds: readonly string[]): Promise<void> {
    const watched = accessIds.filter((accessId) => this.watched.has(accessId));
    await Promise.all(watched.map((accessId) => this.subscribe(accessId)));
  }

  private async subscribeAgain(accessId: string): Promise<void> {
    await this.subscribe(accessId);
    // If it is refused again, nothing can have been missed that the next heartbeat does not find.
    if (!this.refused.has(accessId)) this.listener()?.missed([accessId]);
  }

  /** A connection without channels: those that belong to it are subscribed again. */
  async resubscribe(server: RedisServer): Promise<void> {
    await this.subscribeAll(
      [...this.watched.keys()].filter((accessId) => this.serverOf(accessId) === server),
    );
  }

  /** Some users' channels are elsewhere now. */
  async follow(): Promise<void> {
    const moved = [...this.watched].filter(([accessId, server]) => this.serverOf(accessId) !== server);
    for (const [accessId, server] of moved) {
      if (server?.subscriber.status !== 'ready') continue;
      server.subscriber.sunsubscribe(this.keys.channel(accessId)).catch(() => undefined);
    }
    await this.subscribeAll(moved.map(([accessId]) => accessId));
  }

  hear(channel: string, message: Buffer): void {
    const accessId = this.keys.accessIdOf(channel);
    if (message[0] === DROP) this.listener()?.dropped(accessId, Number(message.toString('latin1', 1)));
    else this.listener()?.appended([readAnnouncement(accessId, message, this.arrivals)]);
  }

  private async subscribeAll(accessIds: readonly string[]): Promise<void> {
    for (let i = 0; i < accessIds.length; i += CHANNELS_AT_ONCE) {
      const some = accessIds.slice(i, i + CHANNELS_AT_ONCE).filter((accessId) => this.watched.has(accessId));
      await Promise.all(some.map((accessId) => this.subscribe(accessId)));
      this.listener()?.missed(some);
    }
  }

  private async subscribe(accessId: string): Promise<void> {
    const server = this.serverOf(accessId);
    this.watched.set(accessId, server);
    this.refused.delete(accessId);
    if (server?.subscriber.status !== 'ready') return;
    try {
      await server.subscriber.ssubscribe(this.keys.channel(accessId));
    } catch {
      // The connection broke or the slot is moving: once there is a new one, all are subscribed again. Or the server would not do it, or not in time.
      if (this.watched.get(accessId) === server) this.refused.add(accessId);
    }
  }

  private serverOf(accessId: string): RedisServer | undefined {
    return this.servers().serverOf(slotOfPartition(partitionOf(accessId)));
  }
}
