import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';
import { NotAdmittedError } from '../notifier/authenticator.js';
import { ConnectorRefusedError, RateExceededError } from '../notifier/connectors.js';
import { StoreUnavailableError } from '../notifier/event-log.js';

/** The one form in which errors are told, over HTTP and WebSocket alike. */
export interface ErrorDescription {
  readonly statusCode: number;
  /** The status's name. */
  readonly error: string;
  /** What is wrong; it never quotes the client, a stack or a library. */
  readonly message: string;
}

/** What whoever asked is told of an error. */
export function describeError(error: unknown): ErrorDescription {
  if (error instanceof HttpException) return description(error.getStatus(), error.message);
  if (error instanceof ConnectorRefusedError) {
    return description(error.kind === 'unknown' ? 401 : 403, error.message);
  }
  if (error instanceof RateExceededError) return description(429, error.message);
  if (error instanceof StoreUnavailableError) {
    return description(503, 'the store cannot take it, try again later');
  }
  if (error instanceof NotAdmittedError) {
    return description(error.close.reason === 'try again later' ? 503 : 401, error.message);
  }
  // Express's own errors, such as a malformed percent escape.
  const status = (error as { status?: unknown } | undefined)?.status;
  if (typeof status === 'number' && status >= 400 && status < 500) {
    return description(status, STATUS_CODES[status] ?? 'Bad Request');
  }
  return description(500, 'internal error');
}

/** Seconds after which a 503 may be repeated: a store that was full or slow needs about that long. */
const RETRY_AFTER_SECONDS = '1';

/** The headers that an answer of that status comes with, wherever it is given. `Allow` is for whoever knows the route. */
export function headersOf(error: unknown, statusCode: number): Readonly<Record<string, string>> {
  if (error instanceof RateExceededError) return { 'Retry-After': `${error.retryAfterSeconds}` };
  switch (statusCode) {
    case 401:
      return { 'WWW-Authenticate': 'Bearer' };
    case 426:
      return { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13' };
    case 503:
      return { 'Retry-After': RETRY_AFTER_SECONDS };
    default:
      return {};
  }
}

function description(statusCode: number, message: string): ErrorDescription {
  return { statusCode, error: STATUS_CODES[statusCode] ?? 'Error', message };
}
