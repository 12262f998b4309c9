import type { IncomingMessage } from 'node:http';
import { Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import type { RawData, WebSocket } from 'ws';
import type { Connector } from '../notifier/connectors.js';
import { HeartbeatWheel } from '../notifier/heartbeat-wheel.js';
import { OpenConnections } from '../notifier/open-connections.js';
import { BodiesInTheMaking } from '../wire/bodies-in-the-making.js';
import { ConnectorAccess } from '../wire/connector-access.js';
import { readPushMessage } from '../wire/keyed-push.js';
import { PushIntake } from '../wire/push-intake.js';
import { PeerAddresses } from '../wire/peer-addresses.js';
import { RefusalLog } from '../wire/refusal-log.js';
import { PushConnection } from './push-connection.js';
import { WebSocketOptions } from './websocket-options.js';

/** Where connectors that push all the time push: a message is a push, and one frame answers it. */
@WebSocketGateway({ path: '/push_events' })
export class PushesGateway implements OnGatewayConnection, OnModuleInit, OnModuleDestroy {
  private readonly logger = new Logger(PushesGateway.name);
  private readonly heartbeat: HeartbeatWheel<PushConnection>;

  constructor(
    private readonly intake: PushIntake,
    private readonly connections: OpenConnections,
    private readonly connectors: ConnectorAccess,
    private readonly addresses: PeerAddresses,
    private readonly refusals: RefusalLog,
    private readonly bodies: BodiesInTheMaking,
    private readonly options: WebSocketOptions,
  ) {
    this.heartbeat = new HeartbeatWheel(options.heartbeatMs, (connection) => connection.beat());
  }

  onModuleInit(): void {
    this.heartbeat.start();
  }

  onModuleDestroy(): void {
    this.heartbeat.stop();
  }

  handleConnection(client: WebSocket, request: IncomingMessage): void {
    const { socket } = request;
    const connection = new PushConnection(
      client,
      socket,
      this.addresses.of(request),
      this.options.heartbeatMs,
      this.bodies,
    );
    // The handshake has shown that it may.
    const connector = this.connectors.admit(request, 'push');
    const refusal = this.connections.admit(connection);
    // Before and after ws, which says what of it was whole.
    socket.prependListener('data', (bytes: Buffer) => connection.receives(bytes.length));
    socket.on('data', () => connection.waitsForRest());
    client.on('message', (data, isBinary) => {
      connection.hasReceived();
      // After the end nothing is answered, so nothing is stored either.
      if (!connection.hasEnded && client.readyState === client.OPEN)
        this.hear(connection, connector, data, isBinary);
    });
    const hear = (payload: Buffer) => connection.hasHeard(payload.length);
    client.on('ping', hear);
    client.on('pong', hear);
    client.on('error', () => undefined);
    client.on('close', (code) => {
      connection.hasReceived();
      this.heartbeat.remove(connection);
      this.connections.release(connection);
      this.refusals.closed(connection);
      this.logger.debug({ msg: 'connector gone', connector: connector.name, code });
    });
    if (refusal) return connection.end(refusal);
    this.heartbeat.add(connection);
    const { address } = connection;
    this.logger.debug({ msg: 'connector connected', connector: connector.name, address });
  }

  private hear(connection: PushConnection, connector: Connector, data: RawData, isBinary: boolean): void {
    if (isBinary) return connection.end({ reason: 'text frames only' });
    connection.answerAfter(async () => {
      try {
        const message = data as Buffer;
        await this.bodies.during(message.length, () => this.store(message, connector));
      } catch (error) {
        const { address } = connection;
        this.refusals.answered('push', error, { address, connector: connector.name });
        throw error;
      }
    });
  }

  private store(message: Buffer, connector: Connector): Promise<void> {
    const { body, idempotency } = readPushMessage(message, connector.name);
    return this.intake.take(body, connector, idempotency);
  }
}
