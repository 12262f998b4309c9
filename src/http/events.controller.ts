import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  Controller,
  Post,
  Req,
  Res,
  ServiceUnavailableException,
  UnprocessableEntityException,
} from '@nestjs/common';
import { EventBufferService } from '../notifier/event-buffer.service.js';
import { Lifecycle } from '../notifier/lifecycle.js';
import { SubscriptionService } from '../notifier/subscription.service.js';
import { answerError, answerTrue } from './answer.js';
import { readDropRequest } from './drop-request.js';
import { readIdempotencyKey } from './idempotency-key.js';
import { PushLimits } from './push-limits.js';
import { readPushedEvents } from './push-request.js';
import { BodyReader } from './request-body.js';

/** Where connectors push events and drop users. It reads its requests itself: pipes and body parsers cost more than the push. */
@Controller()
export class EventsController {
  private readonly body: BodyReader;

  constructor(
    private readonly buffer: EventBufferService,
    private readonly subscriptions: SubscriptionService,
    private readonly lifecycle: Lifecycle,
    private readonly limits: PushLimits,
  ) {
    this.body = new BodyReader(limits.maxBodyBytes);
  }

  /** Stores a list of events, whole or not at all, and then answers `true`, whether anyone listens or not. */
  @Post('push_events')
  async push(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<void> {
    try {
      this.assertServing();
      const body = await this.body.read(request);
      const key = request.headers['idempotency-key'];
      const idempotency = readIdempotencyKey(key as string | undefined, body, '');
      const events = readPushedEvents(body, this.limits);
      const result = await this.buffer.push(idempotency ? { events, idempotency } : { events });
      if (result === 'conflict') {
        throw new UnprocessableEntityException('Idempotency-Key was used for other events');
      }
      answerTrue(response);
    } catch (error) {
      answerError(response, error);
    }
  }

  /** Ends every connection of a user, and answers `true` even if there was none. */
  @Post('drop_user')
  async drop(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<void> {
    try {
      const body = await this.body.read(request);
      await this.subscriptions.drop(readDropRequest(body));
      answerTrue(response);
    } catch (error) {
      answerError(response, error);
    }
  }

  private assertServing(): void {
    if (this.lifecycle.isEnding) throw new ServiceUnavailableException('the server is going down');
  }
}
