import { Logger } from '@nestjs/common';
import type { EventBufferService } from './event-buffer.service.js';
import { StoreUnavailableError, type CursorState, type EventLog } from './event-log.js';
import type { Metrics } from './metrics.js';
import type { Subscription } from './subscription.js';
import type { UserDrops } from './user-drops.js';

/**
 * Compares cursors with their logs, and so makes good whatever no announcement has said: events, drops, a store that lost
 * its data. All cursors of one turn of the event loop are one question to the store.
 */
export class PositionChecks {
  private readonly logger = new Logger(PositionChecks.name);
  private waiting: Subscription[] = [];

  constructor(
    private readonly buffer: EventBufferService,
    private readonly log: EventLog,
    private readonly metrics: Metrics,
    private readonly drops: UserDrops,
  ) {}

  /** Has a subscription checked, if it has begun. */
  add(subscription: Subscription): void {
    if (!subscription.position) return;
    if (this.waiting.push(subscription) === 1) setImmediate(() => void this.run());
  }

  private async run(): Promise<void> {
    const subscriptions = this.waiting.filter(({ hasEnded }) => !hasEnded);
    this.waiting = [];
    const cursors = subscriptions.map((subscription) => this.stateOf(subscription));
    try {
      const { astray, unknown } = await this.log.survey(cursors);
      this.metrics.checked('current', cursors.length - astray.length - unknown);
      await Promise.all(astray.map((index) => this.settle(subscriptions[index]!, cursors[index]!)));
    } catch (error) {
      // The store does not answer: the next heartbeat asks again, and readiness says so meanwhile.
      if (!(error instanceof StoreUnavailableError)) this.logger.error(error);
    }
  }

  private stateOf(subscription: Subscription): CursorState {
    const { accessId, losses } = subscription;
    return { accessId, position: subscription.position!, drops: this.drops.outlivedBy(subscription), losses };
  }

  private async settle(subscription: Subscription, cursor: CursorState): Promise<void> {
    const { standing, drops } = await this.buffer.stateOf(cursor.accessId, cursor.position, cursor.losses);
    // One that has moved meanwhile, or knows of more than it could send yet, has missed no announcement.
    const hasMoved = subscription.position !== cursor.position;
    const found = hasMoved || (standing === 'behind' && !subscription.isAtHead) ? 'current' : standing;
    this.metrics.checked(found, 1);
    if (drops > cursor.drops) {
      subscription.drop();
    } else if (found === 'gone') {
      subscription.close({ reason: 'fell behind' });
    } else if (found === 'behind') {
      subscription.lookAgain();
    } else {
      // Where the store did not give its page, it asks again.
      subscription.pump();
    }
  }
}
