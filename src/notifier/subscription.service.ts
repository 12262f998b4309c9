import { Injectable, Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { AdmissionQueue } from './admission-queue.js';
import { Authenticator, NotAdmittedError } from './authenticator.js';
import type { Close } from './close.js';
import type { Connection } from './connection.js';
import { EventBufferService, type Start } from './event-buffer.service.js';
import { EventLog, StoreUnavailableError, type Announcement } from './event-log.js';
import { HeartbeatWheel } from './heartbeat-wheel.js';
import { Metrics } from './metrics.js';
import { NewsQueue } from './news-queue.js';
import { NotifierOptions } from './options.js';
import { formatPosition } from './position.js';
import { PositionChecks } from './position-checks.js';
import type { StartRequest } from './start-point.js';
import { Subscription } from './subscription.js';
import { UserDrops } from './user-drops.js';
import { UserSubscriptions } from './user-subscriptions.js';

/** What a client asks for with its first message. */
export interface SubscribeRequest extends StartRequest {
  readonly accessId: string;
  readonly token?: string;
}

/**
 * The first reconnect of a client is spread over 0.2 ms for each connection of the node: 100,000 clients come back
 * over 20 s, which is what one core admits.
 */
const RECONNECT_MS_PER_CONNECTION = 0.2;
const MIN_RECONNECT_MS = 500;

/** One look at all subscriptions instead of a timer each: 100,000 cost 3 ms, and nobody stays longer than 5 s after the time. */
const EXPIRY_SWEEP_MS = 1000;

/** How long connections are kept while the store does not answer; then each ends at its next heartbeat. */
const MAX_SILENCE_MS = 60_000;

/** Who is connected to this node, and what they are to be sent. */
@Injectable()
export class SubscriptionService implements OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(SubscriptionService.name);
  private readonly users = new Map<string, UserSubscriptions>();
  private readonly heartbeat: HeartbeatWheel<Subscription>;
  private readonly admission = new AdmissionQueue();
  private readonly news = new NewsQueue();
  private readonly drops: UserDrops;
  private readonly checks: PositionChecks;
  private draining: (() => Close) | undefined;
  private expirySweep: NodeJS.Timeout | undefined;

  constructor(
    private readonly buffer: EventBufferService,
    private readonly log: EventLog,
    private readonly authenticator: Authenticator,
    private readonly options: NotifierOptions,
    private readonly metrics: Metrics,
  ) {
    this.heartbeat = new HeartbeatWheel(options.heartbeatMs, (subscription) => this.beat(subscription));
    this.drops = new UserDrops(log, buffer, this.users);
    this.checks = new PositionChecks(buffer, log, metrics, this.drops);
  }

  onModuleInit(): void {
    this.log.listen({
      appended: (announcements) => this.announce(announcements),
      dropped: (accessId, drops) => this.drops.hear(accessId, drops),
      missed: (accessIds) => this.lookAgain(accessIds),
    });
    this.heartbeat.start();
    this.expirySweep = setInterval(() => this.endExpired(), EXPIRY_SWEEP_MS);
  }

  onModuleDestroy(): void {
    this.heartbeat.stop();
    clearInterval(this.expirySweep);
  }

  /** Users who have at least one subscription. */
  get userCount(): number {
    return this.users.size;
  }

  /** Connections whose socket is full now. It looks at every one: 100,000 cost 3 ms. */
  countSlowReaders(): number {
    let count = 0;
    for (const user of this.users.values()) count += user.slowReaders;
    return count;
  }

  /** The window over which clients should spread their first reconnect, if all of them came back at once. */
  private get reconnectWithinMs(): number {
    return Math.max(MIN_RECONNECT_MS, Math.ceil(this.heartbeat.size * RECONNECT_MS_PER_CONNECTION));
  }

  /**
   * Subscribes a connection. It is registered before anything is awaited, so that whatever happens meanwhile (an
   * append, a drop, a shutdown) finds it; what comes of it, the connection is told.
   */
  subscribe(connection: Connection, request: SubscribeRequest): Subscription {
    const subscription = this.register(connection, request.accessId);
    if (this.draining) subscription.close(this.draining());
    else void this.open(subscription, request);
    return subscription;
  }

  /**
   * Lets a subscription stay as long as a new token says. A wrong token ends it; where nobody can tell, it stays as long as it may
   * already.
   */
  async renew(subscription: Subscription, token: string): Promise<void> {
    try {
      await this.admit(subscription, token);
    } catch (error) {
      const close = this.closeFor(error);
      if (close.reason !== 'try again later') subscription.close(close);
    }
  }

  /**
   * The user that a token claims to be for, for a request that names none.
   *
   * @throws NotAdmittedError
   */
  claimedUser(token: string | undefined): string | undefined {
    return this.authenticator.claimedUser(token);
  }

  /**
   * Drops a user: ends every connection of the user that is registered now, and none that comes later.
   *
   * @returns how many connections this node has ended
   * @throws StoreUnavailableError, and then nobody was dropped on this node
   */
  drop(accessId: string): Promise<number> {
    return this.drops.carryOut(accessId);
  }

  /** The subscriptions of one user, oldest first. */
  subscriptionsOf(accessId: string): readonly Subscription[] {
    return this.users.get(accessId)?.all.toArray() ?? [];
  }

  /** Every connected user with its number of connections, in no order. */
  *connectedUsers(): Generator<{ accessId: string; connections: number }> {
    for (const user of this.users.values()) {
      yield { accessId: user.accessId, connections: user.all.size };
    }
  }

  /** From now on, whoever subscribes is turned away. */
  drain(close: () => Close): void {
    this.draining = close;
  }

  private register(connection: Connection, accessId: string): Subscription {
    let user = this.users.get(accessId);
    if (!user) {
      user = new UserSubscriptions(accessId, this.log.watch(accessId));
      this.users.set(accessId, user);
    }
    const onEnd = (ended: Subscription) => this.unregister(ended);
    const { buffer, metrics } = this;
    const subscription = new Subscription(accessId, connection, user.tail, buffer, metrics, onEnd);
    user.all.add(subscription);
    this.heartbeat.add(subscription);
    metrics.subscribed(connection.form);
    return subscription;
  }

  private unregister(subscription: Subscription): void {
    const user = this.users.get(subscription.accessId);
    if (!user?.all.delete(subscription)) return;
    this.heartbeat.remove(subscription);
    this.metrics.unsubscribed(subscription.connection.form);
    if (user.all.size > 0) return;
    this.users.delete(subscription.accessId);
    this.log.unwatch(subscription.accessId);
  }

  private async open(subscription: Subscription, request: SubscribeRequest): Promise<void> {
    const { accessId } = subscription;
    const user = this.users.get(accessId)!;
    try {
      // First of all: whoever sees that a client is being asked for, or gets an answer, may drop it on any node.
      await this.drops.noteAtArrival(subscription);
      if (subscription.hasEnded) return;
      // Attach before reading: an event stored in between must be announced, not lost.
      await Promise.all([this.admit(subscription, request.token), user.watched]);
      if (subscription.hasEnded) return;
      user.makeRoom(this.options.maxConnectionsPerUser);
      await this.admission.turn();
      if (subscription.hasEnded) return;
      const { version } = user.tail;
      const start = await this.buffer.start(accessId, request, version);
      if (subscription.hasEnded) return;
      this.beginOrEnd(subscription, start, version);
    } catch (error) {
      subscription.close(this.closeFor(error));
    }
  }

  /** Begins, unless the user was dropped meanwhile, or the store lost what would tell. */
  private beginOrEnd(subscription: Subscription, start: Start, version: number): void {
    if (this.log.isShared && start.losses !== subscription.losses) {
      subscription.close({ reason: 'fell behind' });
    } else if (this.drops.doEnd(start.drops, subscription)) {
      subscription.drop();
    } else this.begin(subscription, start, version);
  }

  /** @throws NotAdmittedError */
  private async admit(subscription: Subscription, token: string | undefined): Promise<void> {
    const { accessId, connection } = subscription;
    const until = await this.authenticator.authenticate({ accessId, token, address: connection.address });
    // Answers may overtake each other: the longest of what was proved counts.
    subscription.admittedUntil = Math.max(until, subscription.admittedUntil ?? until);
  }

  private endExpired(): void {
    const now = Date.now();
    for (const user of this.users.values()) user.endExpired(now);
  }

  private lookAgain(accessIds: Iterable<string>): void {
    for (const accessId of accessIds) {
      for (const subscription of this.subscriptionsOf(accessId)) this.checks.add(subscription);
    }
  }

  private begin(subscription: Subscription, start: Start, version: number): void {
    subscription.begin(start);
    if (!start.recovered) this.metrics.declaredGap(subscription.connection.form);
    subscription.connection.sendSubscribed({
      accessId: subscription.accessId,
      recovered: start.recovered,
      lastEventId: formatPosition(start.position),
      heartbeatSeconds: this.options.heartbeatMs / 1000,
      reconnectWithinMs: this.reconnectWithinMs,
    });
    if (start.page) subscription.takePage(start.page, version);
    else subscription.pump();
  }

  private closeFor(error: unknown): Close {
    if (error instanceof NotAdmittedError) return error.close;
    if (error instanceof StoreUnavailableError) return { reason: 'try again later' };
    this.logger.error(error);
    return { reason: 'internal error' };
  }

  private announce(announcements: readonly Announcement[]): void {
    for (const announcement of announcements) {
      const user = this.users.get(announcement.accessId);
      if (!user) continue;
      user.tail.add(announcement);
      this.news.add(user);
    }
  }

  /** Once a heartbeat for each subscription: ends the dead, finds what no announcement has said, shows a sign of life. */
  private beat(subscription: Subscription): void {
    const { connection } = subscription;
    if (!connection.takeSignOfLife()) {
      subscription.end();
      connection.terminate();
      return;
    }
    connection.sendHeartbeat();
    if (this.log.silentSince !== undefined && performance.now() - this.log.silentSince > MAX_SILENCE_MS) {
      subscription.close({ reason: 'try again later', detail: 'the store does not answer' });
    }
    this.checks.add(subscription);
  }
}
