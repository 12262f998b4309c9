import type { EventBufferService } from './event-buffer.service.js';
import type { EventLog } from './event-log.js';
import type { Subscription } from './subscription.js';
import type { UserSubscriptions } from './user-subscriptions.js';

/**
 * Whom a drop ends: every subscription of its user that is registered when it is asked for, whichever node is asked, and none that comes
 * later.
 *
 * Drops are counted in the user's log. A subscription knows the count with which it came, and a user the count that this node has
 * carried out: what is beyond both ends it.
 */
export class UserDrops {
  /** Users whom this node is dropping now, with the number of such requests. */
  private readonly underWay = new Map<string, number>();

  constructor(
    private readonly log: EventLog,
    private readonly buffer: EventBufferService,
    private readonly users: ReadonlyMap<string, UserSubscriptions>,
  ) {}

  /**
   * Drops a user, as this node was asked to.
   *
   * @returns how many subscriptions this node has ended
   * @throws StoreUnavailableError, and then nobody was dropped on this node
   */
  async carryOut(accessId: string): Promise<number> {
    const registered = this.subscriptionsOf(accessId);
    const drops = await this.count(accessId);
    // Whoever has come since the request stays: this node has carried that drop out.
    const user = this.users.get(accessId);
    const before = user?.drops ?? 0;
    if (user) user.drops = Math.max(before, drops);
    for (const subscription of registered) subscription.drop();
    for (const subscription of this.subscriptionsOf(accessId)) {
      // More than this one since it came: another node was asked for those, and they were not heard while this one was under way.
      if (drops - Math.max(subscription.drops ?? drops, before) > 1) subscription.drop();
    }
    return registered.length;
  }

  /** Until the count is known here, a position check must not take it for a drop by another node. */
  private async count(accessId: string): Promise<number> {
    this.underWay.set(accessId, (this.underWay.get(accessId) ?? 0) + 1);
    try {
      return await this.log.drop(accessId);
    } finally {
      const others = this.underWay.get(accessId)! - 1;
      if (others > 0) this.underWay.set(accessId, others);
      else this.underWay.delete(accessId);
    }
  }

  /**
   * Notes the user's drops as they are when a subscription comes, where other nodes drop users too: one that is dropped
   * elsewhere while it proves who it is must not slip through.
   *
   * @throws StoreUnavailableError
   */
  async noteAtArrival(subscription: Subscription): Promise<void> {
    if (!this.log.isShared) return;
    const count = await this.buffer.drops(subscription.accessId);
    subscription.drops = count.drops;
    subscription.losses = count.losses;
    this.users.get(subscription.accessId)?.note(count);
  }

  /** How many of the user's drops are none of a subscription's business; all while this node carries one out itself. */
  outlivedBy({ accessId, drops }: Subscription): number {
    if (this.underWay.has(accessId)) return Infinity;
    return Math.max(drops ?? 0, this.users.get(accessId)?.drops ?? 0);
  }

  /** Whether so many drops of its user end a subscription. One that does not know its own count yet is told by the log. */
  doEnd(drops: number, subscription: Subscription): boolean {
    return subscription.drops !== undefined && drops > this.outlivedBy(subscription);
  }

  /** Another node, or this one, has dropped a user, for the `drops`th time. */
  hear(accessId: string, drops: number): void {
    for (const subscription of this.subscriptionsOf(accessId)) {
      if (this.doEnd(drops, subscription)) subscription.drop();
    }
  }

  private subscriptionsOf(accessId: string): readonly Subscription[] {
    return this.users.get(accessId)?.all.toArray() ?? [];
  }
}
