import type { IncomingMessage } from 'node:http';
import { Logger } from '@nestjs/common';
import { WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import type { RawData, WebSocket } from 'ws';
import { NotAdmittedError } from '../notifier/authenticator.js';
import type { Close } from '../notifier/close.js';
import { OpenConnections } from '../notifier/open-connections.js';
import type { Subscription } from '../notifier/subscription.js';
import { SubscriptionService } from '../notifier/subscription.service.js';
import { bearerToken } from '../wire/credentials.js';
import { InvalidSubscriptionError, readFirstMessage, readRenewal } from '../wire/first-message.js';
import { PeerAddresses } from '../wire/peer-addresses.js';
import { RefusalLog } from '../wire/refusal-log.js';
import { SocketConnection } from './socket-connection.js';
import { WebSocketOptions } from './websocket-options.js';

/** Where app clients subscribe, over a raw WebSocket. */
@WebSocketGateway({ path: '/subscribe_to_events' })
export class SubscriptionsGateway implements OnGatewayConnection {
  private readonly logger = new Logger(SubscriptionsGateway.name);

  constructor(
    private readonly subscriptions: SubscriptionService,
    private readonly connections: OpenConnections,
    private readonly options: WebSocketOptions,
    private readonly addresses: PeerAddresses,
    private readonly refusals: RefusalLog,
  ) {}

  /** Called in the turn in which the handshake ended, before any message of the client is read. */
  handleConnection(client: WebSocket, request: IncomingMessage): void {
    // Only what is needed of the request: it would keep 1.2 KiB a connection alive.
    const { socket } = request;
    const address = this.addresses.of(request);
    const connection = new SocketConnection(client, socket, address, this.options.heartbeatMs);
    connection.token = bearerToken(request.headers);
    const refusal = this.connections.admit(connection);
    let deadline: NodeJS.Timeout | undefined = setTimeout(
      () => connection.close({ reason: 'no subscription', detail: 'no first message in time' }),
      this.options.subscribeTimeoutMs,
    );
    client.on('message', (data, isBinary) => {
      if (connection.hasEnded) return;
      clearTimeout(deadline);
      // A timer that is over would stay for as long as the connection: 120 bytes.
      deadline = undefined;
      this.hear(connection, data, isBinary);
    });
    client.on('ping', () => this.note(connection, 'ping'));
    client.on('pong', () => this.note(connection, 'pong'));
    // A broken frame: ws has answered it and closes. Without a listener it would end the process.
    client.on('error', () => undefined);
    client.on('close', (code) => {
      clearTimeout(deadline);
      this.connections.release(connection);
      this.refusals.closed(connection, connection.subscription?.accessId);
      connection.subscription?.end();
      this.logger.debug({ msg: 'connection closed', address, code });
    });
    this.logger.debug({ msg: 'connection opened', address });
    if (refusal) connection.close(refusal);
  }

  private hear(connection: SocketConnection, data: RawData, isBinary: boolean): void {
    if (isBinary) return connection.end({ reason: 'text frames only' });
    const text = (data as Buffer).toString();
    if (connection.subscription) return this.hearMore(connection, connection.subscription, text);
    try {
      this.subscribe(connection, text);
    } catch (error) {
      connection.close(refusalOf(error));
    }
  }

  private subscribe(connection: SocketConnection, text: string): void {
    const { request, form } = readFirstMessage(text, {
      token: connection.token,
      claimedUser: (token) => this.subscriptions.claimedUser(token),
    });
    connection.token = undefined;
    connection.form = form;
    connection.lastSignOfLife = Date.now();
    connection.subscription = this.subscriptions.subscribe(connection, request);
    this.logger.debug({
      msg: 'subscribed',
      access_id: request.accessId,
      form,
      address: connection.address,
    });
  }

  /** After the first message only a renewed token is of interest. */
  private hearMore(connection: SocketConnection, subscription: Subscription, text: string): void {
    this.note(connection, 'message');
    if (subscription.hasEnded) return;
    const token = readRenewal(text);
    if (token !== undefined) void this.subscriptions.renew(subscription, token);
  }

  private note(connection: SocketConnection, kind: 'message' | 'ping' | 'pong'): void {
    if (connection.hears(kind) && !connection.hasEnded) connection.end({ reason: 'too many messages' });
  }
}

function refusalOf(error: unknown): Close {
  if (error instanceof NotAdmittedError) return error.close;
  if (error instanceof InvalidSubscriptionError) {
    return { reason: 'invalid subscription', detail: error.message };
  }
  throw error;
}
