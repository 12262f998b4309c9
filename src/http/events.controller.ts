import type { IncomingMessage, ServerResponse } from 'node:http';
import { BadRequestException, Controller, Logger, Post, Req, Res } from '@nestjs/common';
import type { Connector } from '../notifier/connectors.js';
import { SubscriptionService } from '../notifier/subscription.service.js';
import { answerError, answerTrue } from './answer.js';
import { BodiesInTheMaking } from '../wire/bodies-in-the-making.js';
import { ConnectorAccess } from '../wire/connector-access.js';
import { readDropRequest } from './drop-request.js';
import { readIdempotencyKey } from '../wire/idempotency-key.js';
import { PushLimits } from '../wire/push-limits.js';
import { PushIntake } from '../wire/push-intake.js';
import { PeerAddresses } from '../wire/peer-addresses.js';
import { RefusalLog, type Refused } from '../wire/refusal-log.js';
import { BodyReader } from './request-body.js';

/** Where connectors push events and drop users. It reads its requests itself: pipes and body parsers cost more than the push. */
@Controller()
export class EventsController {
  private readonly logger = new Logger(EventsController.name);
  private readonly body: BodyReader;

  constructor(
    private readonly intake: PushIntake,
    private readonly subscriptions: SubscriptionService,
    limits: PushLimits,
    private readonly bodies: BodiesInTheMaking,
    private readonly connectors: ConnectorAccess,
    private readonly refusals: RefusalLog,
    private readonly addresses: PeerAddresses,
  ) {
    this.body = new BodyReader(limits.maxBodyBytes, bodies);
  }

  /** Stores a list of events, whole or not at all, and then answers `true`, whether anyone listens or not. */
  @Post('push_events')
  async push(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<void> {
    let connector: Connector | undefined;
    try {
      const admitted = (connector = this.connectors.admit(request, 'push'));
      const body = await this.body.read(request);
      await this.bodies.during(body.length, () => this.store(body, request, admitted));
      answerTrue(response);
    } catch (error) {
      this.refuse('push', request, response, error, connector);
    }
  }

  /** Ends every connection of a user, and answers `true` even if there was none. */
  @Post('drop_user')
  async drop(@Req() request: IncomingMessage, @Res() response: ServerResponse): Promise<void> {
    let connector: Connector | undefined;
    try {
      connector = this.connectors.admit(request, 'drop');
      const accessId = readDropRequest(await this.body.read(request));
      const connections = await this.subscriptions.drop(accessId);
      const by = connector.name === '' ? {} : { connector: connector.name };
      this.logger.log({ msg: 'dropped a user', access_id: accessId, connections, ...by });
      answerTrue(response);
    } catch (error) {
      this.refuse('drop', request, response, error, connector);
    }
  }

  private store(body: Buffer, request: IncomingMessage, connector: Connector): Promise<void> {
    const idempotency = readIdempotencyKey(keyOf(request), body, connector.name);
    return this.intake.take(body, connector, idempotency);
  }

  private refuse(
    what: Refused,
    request: IncomingMessage,
    response: ServerResponse,
    error: unknown,
    connector: Connector | undefined,
  ): void {
    const address = this.addresses.of(request);
    this.refusals.answered(what, error, { address, connector: connector?.name });
    answerError(response, error);
  }
}

/** Node joins headers of one name by a comma, which a key may hold. */
function keyOf(request: IncomingMessage): string | undefined {
  const key = request.headers['idempotency-key'] as string | undefined;
  if (key?.includes(',') && request.headersDistinct['idempotency-key']!.length > 1) {
    throw new BadRequestException('Idempotency-Key must not stand twice');
  }
  return key;
}
