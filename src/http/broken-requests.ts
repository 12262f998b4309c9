import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { HttpException } from '@nestjs/common';
import { endWithAnswer } from '../wire/bare-answer.js';

/** How long answers to earlier requests of a connection may take, before it is cut without one more. */
const EARLIER_ANSWERS_MS = 5000;

/** Node's own name for what is being answered on a socket, the first in the order of the requests; it has no public one. */
interface Answering {
  readonly _httpMessage?: ServerResponse | null;
}

/**
 * Answers what Node's HTTP server cannot read, in the form of every other error, and ends the connection: where one request ends
 * and the next begins is not known any more. Node itself answers with a bare status line, and with it even an earlier request that
 * is still being worked on: a push would be told 400 and be stored.
 */
export class BrokenRequests {
  private readonly refused = new WeakSet<Socket>();

  /** @param error what 'clientError' says; it comes again with everything more that the socket sends */
  refuse(error: NodeJS.ErrnoException, socket: Socket): void {
    if (this.refused.has(socket)) return;
    this.refused.add(socket);
    const refusal = refusalFor(error);
    if (!refusal) return void socket.destroy();
    const timer = setTimeout(() => socket.destroy(), EARLIER_ANSWERS_MS);
    socket.once('close', () => clearTimeout(timer));
    answerInTurn(socket, refusal);
  }
}

function answerInTurn(socket: Socket, refusal: HttpException): void {
  const { _httpMessage: current } = socket as Socket & Answering;
  if (!socket.writable) socket.destroy();
  // A whole request: it is not the one that broke.
  else if (current?.req.complete) current.once('finish', () => setImmediate(answerInTurn, socket, refusal));
  else if (current?.headersSent) socket.destroySoon();
  else endWithAnswer(socket, refusal);
}

/** `undefined` where there is nobody to answer: a reset, or a TLS handshake that came to nothing. */
function refusalFor({ code = '' }: NodeJS.ErrnoException): HttpException | undefined {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpException('the request took too long', 408);
    case 'HPE_HEADER_OVERFLOW':
      return new HttpException('headers are too large', 431);
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new HttpException('chunk extensions are too large', 413);
    default:
      return code.startsWith('HPE_') ? new HttpException('the request is not HTTP/1.1', 400) : undefined;
  }
}
