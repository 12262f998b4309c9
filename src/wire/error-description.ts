import { STATUS_CODES } from 'node:http';
import { HttpException, Logger } from '@nestjs/common';
import { ConnectorRefusedError, RateExceededError } from '../notifier/connectors.js';
import { StoreUnavailableError } from '../notifier/event-log.js';

const logger = new Logger('Wire');

/** The one form in which connectors are told of errors, over HTTP and WebSocket alike. */
export interface ErrorDescription {
  readonly statusCode: number;
  /** The status's name. */
  readonly error: string;
  /** What is wrong; it never quotes the client, a stack or a library. */
  readonly message: string;
}

/** What a connector is told of an error; what it is not told is logged. */
export function describeError(error: unknown): ErrorDescription {
  if (error instanceof HttpException) return description(error.getStatus(), error.message);
  if (error instanceof ConnectorRefusedError) {
    return description(error.kind === 'unknown' ? 401 : 403, error.message);
  }
  if (error instanceof RateExceededError) return description(429, error.message);
  if (error instanceof StoreUnavailableError) {
    logger.warn(`the store did not take a request: ${error.message}`);
    return description(503, 'the store cannot take it, try again later');
  }
  // Express's own errors, such as a malformed percent escape.
  const status = (error as { status?: unknown } | undefined)?.status;
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return description(status, STATUS_CODES[status] ?? 'Bad Request');
  }
  logger.error(error);
  return description(500, 'internal error');
}

function description(statusCode: number, message: string): ErrorDescription {
  return { statusCode, error: STATUS_CODES[statusCode] ?? 'Error', message };
}
