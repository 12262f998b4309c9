import { createServer, type IncomingMessage, type ServerOptions, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import {
  BadRequestException,
  ForbiddenException,
  HttpException,
  MethodNotAllowedException,
} from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { endWithAnswer } from '../wire/bare-answer.js';
import { streamSockets } from '../wire/stream-sockets.js';
import { answerError, isToldToClose } from './answer.js';
import { BrokenRequests } from './broken-requests.js';
import { DivertibleRequest } from './divertible-request.js';
import { headFault } from './head-fault.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Nobody needs as many. Of more than 1,000, Node drops some without a word. */
const MAX_HEADERS = 200;

const SERVER_OPTIONS = {
  IncomingMessage: DivertibleRequest,
  /** Node's answer would have no body, and handshakes are not looked at. */
  requireHostHeader: false,
  /** Bytes. Tokens of 4 KiB fit; more is not ours. */
  maxHeaderSize: 8 * 1024,
  headersTimeout: 10_000,
  /** A body of 1 MiB at 70 KiB/s: mobile networks of the slow kind. */
  requestTimeout: 15_000,
  /** Node looks every 30 s by default, and a deadline of 10 s would be one of 40. */
  connectionsCheckingInterval: 1000,
  /** Longer than the idle time of the common proxies (60 s), which otherwise reuse a connection that is being closed. */
  keepAliveTimeout: 65_000,
} satisfies ServerOptions<typeof DivertibleRequest>;

/** Whoever neither sends nor takes anything for so long, with an answer on its way, is gone. Streams and WebSockets have heartbeats instead. */
const SILENCE_MS = 60_000;

/** A certificate and its key, in PEM. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

/** A handshake of the slow kind takes four round trips. */
const TLS_HANDSHAKE_MS = 10_000;

/** The Express adapter with limits of the server's own, and a way around Express for the requests that must be fast. */
export class NotifierHttpAdapter extends ExpressAdapter {
  private readonly shortcuts = new Map<string, Handler>();
  private isAllowedHost: (host: string | undefined) => boolean = () => true;
  private refused: (request: IncomingMessage, error: unknown) => void = () => undefined;

  /**
   * @param maxSockets whoever connects beyond is cut: an accept that fails for want of a descriptor would be retried in a busy loop
   * @param tls what to prove the server's name with; without it, the server speaks plain HTTP
   */
  constructor(
    private readonly maxSockets: number,
    private readonly tls: TlsIdentity | undefined,
  ) {
    super();
  }

  /** Has `take` take note of requests that are not even looked at. */
  notesRefusals(take: (request: IncomingMessage, error: unknown) => void): void {
    this.refused = take;
  }

  /** Refuses requests whose `Host` `isAllowed` does not know. */
  restrictHosts(isAllowed: (host: string | undefined) => boolean): void {
    this.isAllowedHost = isAllowed;
  }

  /**
   * Sends `POST path` to `handler` without Express in between, which costs 150 µs a request. Any other spelling of the path goes
   * through Express to the same handler.
   */
  shortcut(path: string, handler: Handler): void {
    this.shortcuts.set(path, handler);
  }

  /** Why a request is not even looked at, be it for a page or an upgrade. */
  refusal(request: IncomingMessage): HttpException | undefined {
    if (request.rawHeaders.length >= MAX_HEADERS * 2) return new HttpException('too many headers', 431);
    const fault = headFault(request);
    if (fault !== undefined) return new BadRequestException(fault);
    if (!this.isAllowedHost(request.headers.host)) {
      return new ForbiddenException('Host must name loopback while authentication is off');
    }
    return undefined;
  }

  override initHttpServer(): void {
    const handler: Handler = (request, response) => this.handle(request, response);
    const server = this.tls
      ? createTlsServer({ ...SERVER_OPTIONS, ...this.tls, handshakeTimeout: TLS_HANDSHAKE_MS }, handler)
      : createServer(SERVER_OPTIONS, handler);
    server.maxConnections = this.maxSockets;
    server.timeout = SILENCE_MS;
    // Node's own name, without documentation: whoever has said all it has to say, as `nc -N` does, still gets its answers.
    Object.assign(server, { httpAllowHalfOpen: true });
    // Over TLS Node would end them itself. As an option, this would keep who hangs up in its handshake until that times out.
    server.on('secureConnection', (socket: Socket) => (socket.allowHalfOpen = true));
    // Node's answer would have no body.
    server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) =>
      this.answerUnexpected(request, response),
    );
    // Node cuts the connection where nobody listens, and with it what earlier requests would have been answered.
    server.on('connect', (request: IncomingMessage, socket) => this.refuseTunnel(request, socket as Socket));
    const broken = new BrokenRequests();
    server.on('clientError', (error, socket) => broken.refuse(error, socket as Socket));
    this.httpServer = server;
  }

  /** Proves the server's name with another certificate from now on; connections that are open keep theirs. */
  renewTls(identity: TlsIdentity): void {
    (this.httpServer as TlsServer).setSecureContext(identity);
  }

  private refuseTunnel(request: IncomingMessage, socket: Socket): void {
    socket.on('error', () => undefined);
    const refusal = new MethodNotAllowedException('use GET or POST');
    this.refused(request, refusal);
    endWithAnswer(socket, refusal);
  }

  private handle(request: IncomingMessage, response: ServerResponse): void {
    if (isToldToClose(request.socket)) return;
    if (streamSockets.has(request.socket)) return void request.socket.destroy();
    const refusal = this.refusal(request);
    if (refusal) return this.refuse(response, refusal);
    const shortcut = request.method === 'POST' ? this.shortcuts.get(request.url!) : undefined;
    const express = this.getInstance<Handler>();
    (shortcut ?? express)(request, response);
  }

  private answerUnexpected(request: IncomingMessage, response: ServerResponse): void {
    this.refuse(
      response,
      this.refusal(request) ?? new HttpException('nothing but 100-continue can be expected', 417),
    );
  }

  private refuse(response: ServerResponse, refusal: HttpException): void {
    this.refused(response.req, refusal);
    answerError(response, refusal);
  }
}
