import type { ServerResponse } from 'node:http';
import { HttpException } from '@nestjs/common';
import type { Close, CloseReason } from '../notifier/close.js';
import { closeText } from '../wire/close-text.js';

/**
 * The HTTP status of every reason for which a stream does not begin. For any other it begins, and ends with `event: close`: an
 * `EventSource` that meets a status gives up for good, and could not tell one from another.
 */
const REFUSAL_STATUS: Readonly<Partial<Record<CloseReason, number>>> = {
  'invalid subscription': 400,
  unauthorized: 401,
  'token expired': 401,
  'internal error': 500,
  restarting: 503,
  'try again later': 503,
};

/** The subscription ended before its stream began. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';

  constructor(readonly close: Close) {
    super(closeText(close));
  }
}

export function isRefusal({ reason }: Close): boolean {
  return REFUSAL_STATUS[reason] !== undefined;
}

/** What to throw for `error`, with its headers set. The message is the reason that a WebSocket would have been closed with. */
export function refusalFor(error: unknown, response: ServerResponse): unknown {
  if (!(error instanceof RefusedError)) return error;
  const { reason, retryAfterMs } = error.close;
  const status = REFUSAL_STATUS[reason]!;
  if (retryAfterMs !== undefined) response.setHeader('Retry-After', Math.ceil(retryAfterMs / 1000));
  return new HttpException(error.message, status);
}
