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
