import type { Socket } from 'node:net';
import { HttpException } from '@nestjs/common';
import { endWithAnswer } from '../wire/bare-answer.js';

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
    endWithAnswer(socket, refusal);
  }
}

/** `undefined` where there is nobody to answer: a reset, or a TLS handshake that came to nothing. */
function refusalFor({ code = '' }: NodeJS.ErrnoException): HttpException | undefined {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new HttpException('the request took too long', 408);
    case 'HPE_INVALID_EOF_STATE':
      return new HttpException('the request was cut off', 400);
    case 'HPE_HEADER_OVERFLOW':
      return new HttpException('headers are too large', 431);
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new HttpException('chunk extensions are too large', 413);
    default:
      return code.startsWith('HPE_') ? new HttpException('the request is not HTTP/1.1', 400) : undefined;
  }
}
