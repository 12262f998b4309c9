import {
  BadRequestException,
  Controller,
  ForbiddenException,
  Get,
  HttpException,
  Logger,
  Options,
  Req,
  Res,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import { OpenConnections } from '../notifier/open-connections.js';
import { NotAdmittedError } from '../notifier/authenticator.js';
import { SubscriptionService } from '../notifier/subscription.service.js';
import { InvalidSubscriptionError, type Subscribing } from '../wire/first-message.js';
import { PeerAddresses } from '../wire/peer-addresses.js';
import { RefusalLog } from '../wire/refusal-log.js';
import { streamSockets } from '../wire/stream-sockets.js';
import { RefusedError, refusalFor } from './refusals.js';
import { SseConnection } from './sse-connection.js';
import { SseOptions } from './sse-options.js';
import { readSubscribeRequest } from './subscribe-query.js';

const EVENT_STREAM = /(^|,)\s*text\/event-stream\s*(;|,|$)/i;

/** Seconds for which a browser may remember that a page of another origin may send its token; none remembers longer than a day. */
const PREFLIGHT_MAX_AGE_SECONDS = '86400';

/** Where app clients subscribe whose network lets no WebSocket through: the same events over server-sent events. */
@Controller('subscribe_to_events')
export class EventStreamController {
  private readonly logger = new Logger(EventStreamController.name);

  constructor(
    private readonly subscriptions: SubscriptionService,
    private readonly connections: OpenConnections,
    private readonly options: SseOptions,
    private readonly addresses: PeerAddresses,
    private readonly refusals: RefusalLog,
  ) {}

  /** Anything that does not ask for a stream by name should have been a WebSocket handshake. */
  @Get()
  async subscribe(@Req() request: Request, @Res() response: Response): Promise<void> {
    if (request.method === 'HEAD' || !EVENT_STREAM.test(request.headers.accept ?? '')) {
      response.setHeader('Connection', 'Upgrade');
      throw new HttpException('connect with a WebSocket, or accept text/event-stream', 426);
    }
    this.admitOrigin(request, response);
    await this.open(request, response, this.read(request, response));
  }

  /** What a browser asks before it lets a page of another origin send a token. */
  @Options()
  preflight(@Req() request: Request, @Res() response: Response): void {
    this.admitOrigin(request, response);
    response.setHeader('Access-Control-Allow-Methods', 'GET');
    response.setHeader('Access-Control-Allow-Headers', 'Authorization, Last-Event-ID');
    response.setHeader('Access-Control-Max-Age', PREFLIGHT_MAX_AGE_SECONDS);
    response.status(204).end();
  }

  private admitOrigin(request: Request, response: Response): void {
    if (!this.options.allowsOrigin(request)) throw new ForbiddenException('Origin is not allowed');
    const { origin } = request.headers;
    response.setHeader('Vary', 'Origin');
    if (origin !== undefined) response.setHeader('Access-Control-Allow-Origin', origin);
  }

  private read(request: Request, response: Response): Subscribing {
    try {
      return readSubscribeRequest(request, (token) => this.subscriptions.claimedUser(token));
    } catch (error) {
      if (error instanceof InvalidSubscriptionError) throw new BadRequestException(error.message);
      if (error instanceof NotAdmittedError) throw refusalFor(new RefusedError(error.close), response);
      throw error;
    }
  }

  private async open(request: Request, response: Response, { request: asked, form }: Subscribing) {
    const { socket } = response;
    // Node sends answers in the order of the requests, and this one would be written past those before it.
    if (!socket) throw new BadRequestException('a stream must not be pipelined');
    const address = this.addresses.of(request);
    const connection = new SseConnection(
      response,
      socket,
      address,
      this.options.heartbeatMs,
      form === 'resumable',
    );
    streamSockets.add(socket);
    // A client that is gone has nothing more to say: with other requests that is no reason to end.
    const hungUp = () => connection.terminate();
    socket.once('end', hungUp);
    // Its comments are signs of life enough.
    socket.setTimeout(0);
    const overLimit = this.connections.admit(connection);
    response.on('close', () => {
      // One that was refused leaves the socket to the next request.
      socket.off('end', hungUp);
      streamSockets.delete(socket);
      this.connections.release(connection);
      connection.subscription?.end();
      // A refusal that became a status is told as that of a request.
      if (connection.hasBegun) this.refusals.closed(connection, asked.accessId);
      this.logger.debug({ msg: 'connection closed', address });
    });
    this.logger.debug({ msg: 'subscribed', access_id: asked.accessId, form: connection.form, address });
    if (overLimit) connection.close(overLimit);
    else connection.subscription = this.subscriptions.subscribe(connection, asked);
    await connection.begun.catch((error: unknown) => {
      throw refusalFor(error, response);
    });
  }
}
