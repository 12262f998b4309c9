import { STATUS_CODES } from 'node:http';
import { ApiResponse, type HeadersObject, type ResponseObject } from '@nestjs/swagger';
import { ref, type SCHEMAS } from './schemas.js';

/** What a status means wherever it comes, and what its answer says. */
interface Failure {
  readonly when: string;
  readonly message: string;
  readonly headers?: HeadersObject;
}

const RETRY_AFTER: HeadersObject = {
  'Retry-After': {
    description: 'Seconds after which it may be tried again.',
    required: true,
    schema: { type: 'integer', minimum: 0 },
  },
};

const CHALLENGE: HeadersObject = {
  'WWW-Authenticate': { required: true, schema: { type: 'string', enum: ['Bearer'] } },
};

const ALLOW: HeadersObject = { Allow: { required: true, schema: { type: 'string' } } };

const UPGRADE: HeadersObject = {
  Upgrade: { required: true, schema: { type: 'string', enum: ['websocket'] } },
};

const FAILURES = {
  400: { when: 'Not HTTP, or not what it should be.', message: 'the request is not HTTP/1.1' },
  401: {
    when: 'No API key, or one that is not known.',
    message: 'API key is missing or not known',
    headers: CHALLENGE,
  },
  403: {
    when: 'A key without that scope, or a `Host` that is not allowed while authentication is off.',
    message: 'Host must name loopback while authentication is off',
  },
  404: { when: 'No such path.', message: 'no such path' },
  405: { when: 'Wrong method.', message: 'use POST', headers: ALLOW },
  408: {
    when: 'Headers took longer than 10 s, or the whole request longer than 15 s.',
    message: 'the request took too long',
  },
  413: {
    when: 'A body over `NOTIFIER_MAX_BODY`, after decompression too; a push of more than `NOTIFIER_MAX_BATCH` events, or with one over `NOTIFIER_MAX_EVENT`.',
    message: 'body must be at most 1048576 bytes',
  },
  415: {
    when: 'The body is not said to be JSON in UTF-8, or its encoding is not identity, gzip, deflate or br.',
    message: 'Content-Type must be application/json',
  },
  417: {
    when: '`Expect` is something else than `100-continue`.',
    message: 'nothing but 100-continue can be expected',
  },
  422: {
    when: 'The `Idempotency-Key` was used for other events.',
    message: 'the idempotency key was used for other events',
  },
  426: {
    when: 'The request asks neither for a WebSocket nor for a stream.',
    message: 'connect with a WebSocket, or accept text/event-stream',
    headers: UPGRADE,
  },
  429: {
    when: "Over the key's rate limit.",
    message: 'more events a second than allowed, try again in 1 s',
    headers: RETRY_AFTER,
  },
  431: { when: '200 headers or more, or more than 8 KiB of them.', message: 'too many headers' },
  500: { when: 'A fault of the server, in its log.', message: 'internal error' },
  503: {
    when: 'It cannot be done now. What was pushed may or may not have been stored: repeat it with the same `Idempotency-Key`.',
    message: 'the store cannot take it, try again later',
    headers: RETRY_AFTER,
  },
} satisfies Record<number, Failure>;

type FailureStatus = keyof typeof FAILURES;

/** What any request at all may be answered with. */
const ANYWHERE: readonly FailureStatus[] = [400, 403, 408, 417, 431, 500];

/** What no operation of the document is answered with, since it is for requests that are none. */
const NOWHERE = { NotFound: 404, MethodNotAllowed: 405 } as const;

export function nowhere(): Record<string, ResponseObject> {
  const entries = Object.entries(NOWHERE).map(([name, status]) => [name, response(status)]);
  return Object.fromEntries(entries) as Record<string, ResponseObject>;
}

/**
 * The errors of an operation, besides those that any request may meet.
 *
 * @param own what the operation says in place of the usual text
 */
export function failures(
  statuses: readonly FailureStatus[],
  own: Partial<Record<FailureStatus, Partial<Failure>>> = {},
): MethodDecorator[] {
  const all = new Set([...ANYWHERE, ...statuses].sort((a, b) => a - b));
  return [...all].map((status) => ApiResponse({ status, ...response(status, own[status]) }));
}

function response(status: FailureStatus, own: Partial<Failure> = {}): ResponseObject {
  const failure: Failure = { ...FAILURES[status], ...own };
  const { when, message, headers } = failure;
  const example = { statusCode: status, error: STATUS_CODES[status], message };
  return {
    description: when,
    ...(headers && { headers }),
    content: { 'application/json': { schema: ref('Error'), example } },
  };
}

/** An answer with a JSON body. */
export function success(
  schema: keyof typeof SCHEMAS,
  description: string,
  example: unknown,
): MethodDecorator {
  const content = { 'application/json': { schema: ref(schema), example } };
  return ApiResponse({ status: 200, description, content });
}
