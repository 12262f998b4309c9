import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import {
  BadRequestException,
  ForbiddenException,
  HttpException,
  NotFoundException,
  type INestApplicationContext,
} from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { WebSocketServer, type ServerOptions } from 'ws';
import { endWithAnswer, owesAnswers } from '../wire/bare-answer.js';
import type { OriginRule } from '../wire/origin-rule.js';
import { malformedHandshake } from './malformed-handshake.js';

/** The limits of RFC 6455, section 10.4, each with its arithmetic. */
const LIMITS = {
  /** A first message has an id of 256 bytes and a token of at most 8 KiB; the default of 100 MiB is memory for the asking. */
  maxPayload: 16 * 1024,
  /** Nobody needs more for 16 KiB. */
  maxFragments: 64,
  /** Whoever types may take a packet for each letter. A packet costs 300 bytes until its message is whole: 4096 of them, 1.2 MiB a connection. */
  maxBufferedChunks: 512,
  /** How long a client may take to answer a close, before it is cut. */
  closeTimeout: 3000,
  /** 64 KiB and more a connection, for messages of 280 bytes. */
  perMessageDeflate: false,
  clientTracking: false,
} satisfies ServerOptions & Record<string, unknown>;

/**
 * Bytes that the parts of a long message have on average at least: as a packet brings them (536, RFC 9293), and as libraries cut what is sent into
 * fragments (4096 and more). Each part costs some hundred bytes until the message is whole.
 */
const PART_BYTES = 256;

/** The limits of a path by how long a message may be there. */
function limitsFor(maxPayload: number): typeof LIMITS {
  const parts = Math.ceil(maxPayload / PART_BYTES);
  return {
    ...LIMITS,
    maxPayload,
    maxFragments: Math.max(LIMITS.maxFragments, parts),
    maxBufferedChunks: Math.max(LIMITS.maxBufferedChunks, parts),
  };
}

const ignore = () => undefined;

/** Throws what an upgrade for one path is refused for: see `describeError`. */
export type HandshakeCheck = (request: IncomingMessage) => Promise<void> | void;

/** Whom to let in, and with what. */
export interface HandshakeRules {
  /** Why an upgrade is refused whatever it is for. */
  refusal(request: IncomingMessage): HttpException | undefined;
  readonly allowsOrigin: OriginRule;
  /** By path. */
  readonly checks: Readonly<Record<string, HandshakeCheck>>;
  /** Bytes of a message, for paths where it is not the default. */
  readonly maxPayloads: Readonly<Record<string, number>>;
  /** Takes note of a refusal. */
  refused(request: IncomingMessage, error: unknown): void;
}

/**
 * The ws adapter with the upgrade in its own hands: it answers what it refuses, sets every limit, and binds nothing to a client but what
 * the gateway binds (the stock adapter's streams cost 6 KiB a connection).
 */
export class NotifierWsAdapter extends WsAdapter {
  private readonly servers = new Map<string, WebSocketServer>();

  constructor(
    app: INestApplicationContext & { getHttpServer(): Server },
    private readonly rules: HandshakeRules,
  ) {
    super(app);
    app
      .getHttpServer()
      .on(
        'upgrade',
        (request: IncomingMessage, socket: Socket, head: Buffer) => void this.upgrade(request, socket, head),
      );
  }

  override create(_port: number, options: { path?: string }): WebSocketServer {
    const path = options.path ?? '/';
    const maxPayload = this.rules.maxPayloads[path] ?? LIMITS.maxPayload;
    const server = new WebSocketServer({ noServer: true, ...limitsFor(maxPayload) });
    // ws has let go of the socket and leaves the answer to whoever listens.
    server.on('wsClientError', (_error: Error, socket: Socket, request: IncomingMessage) =>
      this.turnAway(request, socket, malformedHandshake(request)),
    );
    this.servers.set(path, server);
    return server;
  }

  /** The gateway listens to its clients itself. */
  override bindMessageHandlers(): void {}

  override bindClientDisconnect(): void {}

  override async close(server: WebSocketServer): Promise<void> {
    server.close();
  }

  private async upgrade(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    // The peer may be gone before its answer is written.
    socket.on('error', ignore);
    let server: WebSocketServer;
    try {
      server = this.serverFor(request);
      const check = this.rules.checks[pathOf(request)]?.(request);
      // Where nothing is to be waited for the upgrade happens in this turn.
      if (check) await check;
    } catch (error) {
      return this.turnAway(request, socket, error);
    }
    server.handleUpgrade(request, socket, head, (client) => {
      socket.off('error', ignore);
      server.emit('connection', client, request);
    });
  }

  private turnAway(request: IncomingMessage, socket: Socket, error: unknown): void {
    this.rules.refused(request, error);
    endWithAnswer(socket, error);
  }

  /** @throws HttpException */
  private serverFor(request: IncomingMessage): WebSocketServer {
    const refusal = this.rules.refusal(request);
    if (refusal) throw refusal;
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      throw new HttpException('the only protocol to upgrade to is websocket', 426);
    }
    if (request.httpVersion !== '1.1') throw new BadRequestException('a handshake must be HTTP/1.1');
    const server = this.servers.get(pathOf(request));
    if (!server) throw new NotFoundException('no such path');
    // ws takes version 8, too.
    if (request.headers['sec-websocket-version'] === '8') throw malformedHandshake(request);
    if (!this.rules.allowsOrigin(request)) throw new ForbiddenException('Origin is not allowed');
    // Node upgrades at once, and the earlier answers would follow in the middle of the frames.
    if (owesAnswers(request.socket)) throw new BadRequestException('a handshake must not be pipelined');
    return server;
  }
}

function pathOf({ url }: IncomingMessage): string {
  // The form of a request to a proxy has the host before it: RFC 9112, section 3.2.2.
  return url!.replace(/^\w+:\/\/[^/?]*/, '').split('?', 1)[0]!;
}
