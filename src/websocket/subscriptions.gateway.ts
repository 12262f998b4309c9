import type { IncomingMessage } from 'node:http';
import { Logger } from '@nestjs/common';
import { WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import type { RawData, WebSocket } from 'ws';
import { OpenConnections } from '../notifier/open-connections.js';
import { SubscriptionService } from '../notifier/subscription.service.js';
import { InvalidSubscriptionError, readFirstMessage } from './first-message.js';
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
  ) {}

  /** Called in the turn in which the handshake ended, before any message of the client is read. */
  handleConnection(client: WebSocket, request: IncomingMessage): void {
    // Only what is needed of the request: it would keep 1.2 KiB a connection alive.
    const { socket } = request;
    const address = socket.remoteAddress ?? '';
    const connection = new SocketConnection(client, socket, address, this.options.heartbeatMs);
    const refusal = this.connections.admit(connection);
    const deadline = setTimeout(
      () => connection.close({ reason: 'no subscription', detail: 'no first message in time' }),
      this.options.subscribeTimeoutMs,
    );
    client.on('message', (data, isBinary) => {
      if (refusal) return;
      clearTimeout(deadline);
      this.hear(connection, data, isBinary);
    });
    client.on('ping', () => this.note(connection, 'ping'));
    client.on('pong', () => this.note(connection, 'pong'));
    // A broken frame: ws has answered it and closes. Without a listener it would end the process.
    client.on('error', () => undefined);
    client.on('close', (code) => {
      clearTimeout(deadline);
      this.connections.release(connection);
      connection.subscription?.end();
      this.logger.debug({ msg: 'connection closed', address, code });
    });
    this.logger.debug({ msg: 'connection opened', address });
    if (refusal) connection.close(refusal);
  }

  private hear(connection: SocketConnection, data: RawData, isBinary: boolean): void {
    if (isBinary) return connection.end({ reason: 'text frames only' });
    if (connection.subscription) return this.note(connection, 'message');
    try {
      const { request, form } = readFirstMessage((data as Buffer).toString());
      connection.form = form;
      connection.lastSignOfLife = Date.now();
      connection.subscription = this.subscriptions.subscribe(connection, request);
      this.logger.debug({
        msg: 'subscribed',
        access_id: request.accessId,
        form,
        address: connection.address,
      });
    } catch (error) {
      if (!(error instanceof InvalidSubscriptionError)) throw error;
      connection.close({ reason: 'invalid subscription', detail: error.message });
    }
  }

  private note(connection: SocketConnection, kind: 'message' | 'ping' | 'pong'): void {
    if (connection.hears(kind)) connection.end({ reason: 'too many messages' });
  }
}
