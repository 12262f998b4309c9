import { Injectable, ServiceUnavailableException, UnprocessableEntityException } from '@nestjs/common';
import type { Connector } from '../notifier/connectors.js';
import type { Arrival, IdempotencyClaim, PushedEvent } from '../notifier/event.js';
import { EventBufferService } from '../notifier/event-buffer.service.js';
import { Lifecycle } from '../notifier/lifecycle.js';
import { Metrics } from '../notifier/metrics.js';
import { PushLimits } from './push-limits.js';
import { readPushedEvents } from './push-request.js';

/** Takes pushes from either edge: one check, one order, one promise. */
@Injectable()
export class PushIntake {
  constructor(
    private readonly buffer: EventBufferService,
    private readonly lifecycle: Lifecycle,
    private readonly limits: PushLimits,
    private readonly metrics: Metrics,
  ) {}

  /**
   * Stores the events of `body`, whole or not at all.
   *
   * @param body the bytes of a JSON array of events
   * @throws RateExceededError
   * @throws HttpException: 400, 413, 422, 503
   * @throws StoreUnavailableError: it may or may not have been stored
   */
  async take(body: Buffer, connector: Connector, idempotency: IdempotencyClaim | undefined): Promise<void> {
    if (this.lifecycle.isEnding) throw new ServiceUnavailableException('the server is going down');
    const arrival = this.metrics.arrive();
    const events = this.admit(body, connector, arrival);
    const result = await this.buffer.push(
      idempotency ? { events, arrival, idempotency } : { events, arrival },
    );
    if (result === 'conflict') {
      throw new UnprocessableEntityException('the idempotency key was used for other events');
    }
  }

  private admit(body: Buffer, connector: Connector, arrival: Arrival): readonly PushedEvent[] {
    try {
      const events = readPushedEvents(body, this.limits);
      connector.charge(events.length);
      return events;
    } catch (error) {
      this.metrics.refused(arrival);
      throw error;
    }
  }
}
