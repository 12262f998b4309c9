import type { IncomingMessage } from 'node:http';
import { Logger, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import type { RawData, WebSocket } from 'ws';
import { HeartbeatWheel } from '../notifier/heartbeat-wheel.js';
import { OpenConnections } from '../notifier/open-connections.js';
import { readPushMessage } from '../wire/keyed-push.js';
import { PushIntake } from '../wire/push-intake.js';
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
    options: WebSocketOptions,
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
    const connection = new PushConnection(client, request.socket);
    const refusal = this.connections.admit(connection);
    client.on('message', (data, isBinary) => {
      if (!refusal) this.hear(connection, data, isBinary);
    });
    client.on('ping', () => connection.hears());
    client.on('pong', () => connection.hears());
    client.on('error', () => undefined);
    client.on('close', (code) => {
      this.heartbeat.remove(connection);
      this.connections.release(connection);
      this.logger.debug({ msg: 'connector gone', code });
    });
    if (refusal) return connection.end(refusal);
    this.heartbeat.add(connection);
    this.logger.debug({ msg: 'connector connected', address: request.socket.remoteAddress });
  }

  private hear(connection: PushConnection, data: RawData, isBinary: boolean): void {
    if (isBinary) return connection.end({ reason: 'text frames only' });
    connection.hears();
    connection.answerAfter(async () => {
      const { body, idempotency } = readPushMessage(data as Buffer, '');
      await this.intake.take(body, idempotency);
    });
  }
}
