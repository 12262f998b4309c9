import { STATUS_CODES, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  ForbiddenException,
  HttpException,
  NotFoundException,
  type INestApplicationContext,
} from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { WebSocketServer, type ServerOptions } from 'ws';
import type { OriginRule } from './origin-rule.js';

/** The limits of RFC 6455, section 10.4, each with its arithmetic. */
const LIMITS = {
  /** A first message has an id of 256 bytes and a token of at most 8 KiB; the default of 100 MiB is memory for the asking. */
  maxPayload: 16 * 1024,
  /** Nobody needs more for 16 KiB. */
  maxFragments: 64,
  maxBufferedChunks: 4096,
  /** How long a client may take to answer a close, before it is cut. */
  closeTimeout: 3000,
  /** 64 KiB and more a connection, for messages of 280 bytes. */
  perMessageDeflate: false,
  clientTracking: false,
} satisfies ServerOptions & Record<string, unknown>;

const ignore = () => undefined;

/** Why an upgrade is refused whatever it is for. */
type Refuse = (request: IncomingMessage) => HttpException | undefined;

/**
 * The ws adapter with the upgrade in its own hands: it answers what it refuses, sets every limit, and binds nothing to a client but what
 * the gateway binds (the stock adapter's streams cost 6 KiB a connection).
 */
export class NotifierWsAdapter extends WsAdapter {
  private readonly servers = new Map<string, WebSocketServer>();

  constructor(
    app: INestApplicationContext & { getHttpServer(): Server },
    private readonly refuse: Refuse,
    private readonly allowsOrigin: OriginRule,
    /** Bytes of a message, for paths where it is not the default. */
    private readonly maxPayloads: Readonly<Record<string, number>>,
  ) {
    super(app);
    app
      .getHttpServer()
      .on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
        this.upgrade(request, socket, head),
      );
  }

  override create(_port: number, options: { path?: string }): WebSocketServer {
    const path = options.path ?? '/';
    const maxPayload = this.maxPayloads[path] ?? LIMITS.maxPayload;
    const server = new WebSocketServer({ noServer: true, ...LIMITS, maxPayload });
    this.servers.set(path, server);
    return server;
  }

  /** The gateway listens to its clients itself. */
  override bindMessageHandlers(): void {}

  override bindClientDisconnect(): void {}

  override async close(server: WebSocketServer): Promise<void> {
    server.close();
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // The peer may be gone before its answer is written.
    socket.on('error', ignore);
    const path = request.url!.split('?', 1)[0]!;
    const server = this.servers.get(path);
    const refusal = this.refusalOf(request, server);
    if (refusal || !server) return refuseUpgrade(socket, refusal ?? new NotFoundException('no such path'));
    server.handleUpgrade(request, socket, head, (client) => {
      socket.off('error', ignore);
      server.emit('connection', client, request);
    });
  }

  private refusalOf(
    request: IncomingMessage,
    server: WebSocketServer | undefined,
  ): HttpException | undefined {
    const refusal = this.refuse(request);
    if (refusal) return refusal;
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      return new HttpException('the only protocol to upgrade to is websocket', 426);
    }
    if (!server) return new NotFoundException('no such path');
    return this.allowsOrigin(request) ? undefined : new ForbiddenException('Origin is not allowed');
  }
}

/** Answers a handshake with an error instead of the upgrade, in the form of every other error. */
function refuseUpgrade(socket: Duplex, error: HttpException): void {
  const statusCode = error.getStatus();
  const body = JSON.stringify({ statusCode, error: STATUS_CODES[statusCode], message: error.message });
  socket.end(
    `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}\r\n` +
      (statusCode === 426 ? 'Upgrade: websocket\r\n' : '') +
      'Connection: close\r\nContent-Type: application/json\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
