import { ServerResponse, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { KnownHead } from './known-head.js';
import { RepeatedRequest } from './repeated-request.js';

/** Who answers a request. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Whose connection is read. */
export interface Owner {
  /** Another request was like the known one. */
  repeated(): void;
  /** Something else came: the parser reads again. */
  surprised(): void;
}

type Listener = (chunk: Buffer) => void;

/**
 * Reads a connection in place of Node's parser as long as each chunk is one whole request that begins with a known head. The first such chunk goes to the parser
 * all the same, and is compared with what it finds: the same bytes mean something else in the middle of another request. The first chunk that is anything else
 * goes to the parser, and so do all that follow.
 */
export class RepetitionReader {
  private readonly request: RepeatedRequest;
  private response: ServerResponse | undefined;
  /** Whether the parser has agreed. */
  private isTrusted = false;
  private found: IncomingMessage | undefined;
  private unanswered = 0;
  /** What came before an answer had left. */
  private held: Buffer | undefined;

  private constructor(
    private readonly socket: Socket,
    private readonly parse: Listener,
    head: KnownHead,
    private readonly handler: Handler,
    private readonly owner: Owner,
  ) {
    this.request = new RepeatedRequest(socket, head);
  }

  /** @returns `undefined` with a Node whose server does not read by one listener */
  static takeOver(
    socket: Socket,
    head: KnownHead,
    handler: Handler,
    owner: Owner,
  ): RepetitionReader | undefined {
    const listeners = socket.listeners('data') as Listener[];
    if (listeners.length !== 1) return undefined;
    const reader = new RepetitionReader(socket, listeners[0]!, head, handler, owner);
    socket.on('data', reader.read);
    socket.off('data', reader.parse);
    return reader;
  }

  /** Takes note of a request that the parser has found, before it is answered. */
  parsed(request: IncomingMessage, response: ServerResponse): void {
    this.found = request;
    this.unanswered++;
    response.once('finish', this.goOn);
  }

  private readonly read = (chunk: Buffer): void => {
    if (this.unanswered > 0) this.hold(chunk);
    else if (!this.request.become(chunk)) this.surprise(chunk);
    else if (this.isTrusted) this.answer();
    else this.compare(chunk);
  };

  /** Answers leave in the order of the requests. */
  private hold(chunk: Buffer): void {
    this.held = chunk;
    this.socket.pause();
  }

  /** The parser stands between two requests if it finds in `chunk` what is found without it. */
  private compare(chunk: Buffer): void {
    this.found = undefined;
    this.parse(chunk);
    if (this.found && this.request.isLike(this.found)) this.isTrusted = true;
    else this.giveBack();
  }

  private surprise(chunk: Buffer): void {
    this.giveBack();
    this.parse(chunk);
  }

  private giveBack(): void {
    this.socket.on('data', this.parse);
    this.socket.off('data', this.read);
    this.owner.surprised();
  }

  private answer(): void {
    this.owner.repeated();
    // `true` leaves its response unused, for the next request.
    if (!this.response || this.response.headersSent) this.response = this.makeResponse();
    this.unanswered++;
    this.response.assignSocket(this.socket);
    this.handler(this.request, this.response);
  }

  private makeResponse(): ServerResponse {
    const response = new ServerResponse(this.request);
    response.on('finish', () => {
      response.detachSocket(this.socket);
      this.goOn();
    });
    return response;
  }

  private readonly goOn = (): void => {
    const { held } = this;
    if (--this.unanswered > 0 || !held) return;
    this.held = undefined;
    this.socket.resume();
    this.read(held);
  };
}
