import type { IncomingMessage, ServerResponse } from 'node:http';
import { Controller, Post, Req, Res } from '@nestjs/common';
import { SubscriptionService } from '../notifier/subscription.service.js';
import { answerError, answerTrue } from './answer.js';
import { readDropRequest } from './drop-request.js';
import { readIdempotencyKey } from '../wire/idempotency-key.js';
import { PushLimits } from '../wire/push-limits.js';
import { PushIntake } from '../wire/push-intake.js';
import { BodyReader } from './request-body.js';

/** Where connectors push events and drop users. It reads its requests itself: pipes and body parsers cost more than the push. */
@Controller()
export class EventsController {
  private readonly body: BodyReader;

  constructor(
    private readonly intake: PushIntake,
    private readonly subscriptions: SubscriptionService,
    limits: PushLimits,
  ) {
    this.body = new BodyReader(limits.maxBodyBytes);
  }

  /** Stores a list of events, whole or not at all, and then answers `true`, whether anyone listens or not. */
  @Post('push_events')
  async push(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<void> {
    try {
      const body = await this.body.read(request);
      const key = request.headers['idempotency-key'];
      await this.intake.take(body, readIdempotencyKey(key as string | undefined, body, ''));
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
}
