import type { IncomingMessage } from 'node:http';
import {
  BadRequestException,
  ForbiddenException,
  HttpException,
  InternalServerErrorException,
  Logger,
  MethodNotAllowedException,
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

/** What `ws` found wrong with a handshake, by what it shows: RFC 6455, sections 4.2.1 and 4.2.2. */
export function malformedHandshake({ method, headers }: IncomingMessage): HttpException {
  if (method !== 'GET') return new MethodNotAllowedException('a WebSocket begins with GET');
  if (headers['sec-websocket-version'] !== '13') {
    return new HttpException('Sec-WebSocket-Version must be 13', 426);
  }
  return new BadRequestException(
    'Sec-WebSocket-Key must be 16 bytes in base64, and all that is offered well-formed',
  );
}

function notAdmitted({ close, message }: NotAdmittedError): HttpException {
  return close.reason === 'try again later'
    ? new ServiceUnavailableException(message)
    : new UnauthorizedException(message);
}
