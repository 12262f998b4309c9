import { ApiHeader, ApiOperation, ApiQuery, ApiResponse, type HeadersObject } from '@nestjs/swagger';
import { EventStreamController } from '../sse/event-stream.controller.js';
import { describe } from './describe.js';
import { ruleSchema } from './member-schemas.js';
import { failures } from './responses.js';
import { needsToken } from './security.js';

const STREAM = `id: Zm9vYmFy.17.1x2y3z
data: {"accessid":"client1","created_at":200,"payload":"client1 message"}

`;

const EVENT_ID = { type: 'string', description: 'The position to go on from; empty means `null`.' };

const ORIGIN_HEADERS: HeadersObject = {
  Vary: { schema: { type: 'string' } },
  'Access-Control-Allow-Origin': {
    description: 'The `Origin` of the request, where it had one.',
    schema: { type: 'string' },
  },
};

describe(
  EventStreamController,
  'subscribe',
  ApiOperation({
    operationId: 'subscribeToEvents',
    tags: ['clients'],
    summary: "Subscribe to a user's events",
    description:
      'By server-sent events with `Accept: text/event-stream`; by a WebSocket handshake the same path is the WebSocket that `docs/asyncapi.yaml` describes.',
  }),
  ApiQuery({
    name: 'access_id',
    required: false,
    schema: ruleSchema('isAccessId'),
    description: 'May be left out where a token names the user.',
  }),
  ApiQuery({
    name: 'timestamp',
    required: false,
    schema: ruleSchema('isTimestamp'),
    description: 'Begin with the buffered events of this `created_at` or later. Required without a position.',
  }),
  ApiQuery({ name: 'last_event_id', required: false, schema: EVENT_ID }),
  ApiHeader({
    name: 'Last-Event-ID',
    required: false,
    description: 'The same; wins over the query.',
    schema: EVENT_ID,
  }),
  ...needsToken(),
  ApiResponse({ status: 101, description: 'To a WebSocket handshake.' }),
  ApiResponse({
    status: 200,
    description: 'A stream that ends with `event: close`.',
    headers: ORIGIN_HEADERS,
    content: { 'text/event-stream': { schema: { type: 'string' }, example: STREAM } },
  }),
  ...failures([401, 426, 503], {
    400: {
      when: 'A malformed subscription, or not HTTP.',
      message: 'invalid subscription: timestamp must be an integer',
    },
    401: { when: 'A token that is missing, wrong or expired.', message: 'token expired' },
    403: { when: 'An `Origin` or a `Host` that is not allowed.', message: 'Origin is not allowed' },
    503: {
      when: 'Over the limits, going down, or the store or the authenticator does not answer.',
      message: 'try again later: too many connections',
    },
  }),
);

describe(
  EventStreamController,
  'preflight',
  ApiOperation({
    operationId: 'subscribePreflight',
    tags: ['clients'],
    summary: 'What a browser asks before a page of another origin may send a token',
  }),
  ApiResponse({
    status: 204,
    description: 'The page may.',
    headers: {
      ...ORIGIN_HEADERS,
      'Access-Control-Allow-Methods': { schema: { type: 'string' } },
      'Access-Control-Allow-Headers': { schema: { type: 'string' } },
      'Access-Control-Max-Age': { schema: { type: 'integer' } },
    },
  }),
  ...failures([], {
    403: { when: 'An `Origin` or a `Host` that is not allowed.', message: 'Origin is not allowed' },
  }),
);
