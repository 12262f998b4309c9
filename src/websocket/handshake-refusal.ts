import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  ForbiddenException,
  HttpException,
  InternalServerErrorException,
  Logger,
  ServiceUnavailableException,
  UnauthorizedException,
} from '@nestjs/common';
import { NotAdmittedError } from '../notifier/authenticator.js';
import { ConnectorRefusedError } from '../notifier/connectors.js';

const logger = new Logger('Handshake');

/** What answers a handshake in place of the upgrade. */
export function handshakeRefusal(error: unknown): HttpException {
  if (error instanceof HttpException) return error;
  if (error instanceof NotAdmittedError) return notAdmitted(error);
  if (error instanceof ConnectorRefusedError) {
    const { kind, message } = error;
    return kind === 'unknown' ? new UnauthorizedException(message) : new ForbiddenException(message);
  }
  // A fault of the server is logged, and not told.
  logger.error(error);
  return new InternalServerErrorException('internal error');
}

function notAdmitted({ close, message }: NotAdmittedError): HttpException {
  return close.reason === 'try again later'
    ? new ServiceUnavailableException(message)
    : new UnauthorizedException(message);
}

/** What some statuses come with. */
const HEADERS: Readonly<Record<number, string>> = {
  401: 'WWW-Authenticate: Bearer\r\n',
  426: 'Upgrade: websocket\r\n',
  503: 'Retry-After: 1\r\n',
};

/** How long a peer may take to read its answer. Closing on what it still sends would reset the connection before it has. */
const LINGER_MS = 1000;

/** Answers a handshake with an error instead of the upgrade, in the form of every other error. */
export function refuseHandshake(socket: Duplex, error: HttpException): void {
  const statusCode = error.getStatus();
  const body = JSON.stringify({ statusCode, error: STATUS_CODES[statusCode], message: error.message });
  // The HTTP server has let go of the socket: nobody else reads it, notices its end, or ends it.
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
  socket.resume();
  socket.end(
    `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode]}\r\n${HEADERS[statusCode] ?? ''}` +
      'Connection: close\r\nContent-Type: application/json\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
