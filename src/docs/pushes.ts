import { ApiBody, ApiHeader, ApiOperation } from '@nestjs/swagger';
import { EventsController } from '../http/events.controller.js';
import { describe } from './describe.js';
import { failures, success } from './responses.js';
import { ref } from './schemas.js';
import { needsKey } from './security.js';

describe(
  EventsController,
  'push',
  ApiOperation({
    operationId: 'pushEvents',
    tags: ['connectors'],
    summary: 'Push events',
    description:
      'Stores a list of events, whole or not at all, and answers once every event is stored, whether anyone listens or not. ' +
      'Connectors that push all the time open a WebSocket at the same path: each message is such a body, each answer one frame.',
  }),
  ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      'A repeat with the same key and the same bytes within `NOTIFIER_IDEMPOTENCY_TTL` stores nothing again.',
    schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[\\x21-\\x7e][\\x20-\\x7e]*$' },
  }),
  ApiBody({
    required: true,
    schema: ref('Push'),
    examples: {
      one: {
        summary: 'One event',
        value: [{ accessid: 'client1', created_at: 200, payload: 'client1 message' }],
      },
      several: {
        summary: 'Events for several users',
        value: [
          { accessid: 'client1', created_at: 300, payload: { order: 17, state: 'shipped' } },
          { accessid: 'client2', created_at: 300, payload: null },
        ],
      },
      none: { summary: 'No event at all', value: [] },
    },
  }),
  ...needsKey('push'),
  success('Done', 'Every event is stored.', true),
  ...failures([401, 413, 415, 422, 429, 503], {
    400: {
      when: 'Not an array of events, a malformed `Idempotency-Key`, or not HTTP. Certainly nothing was stored.',
      message: 'events[3].created_at must be an integer',
    },
  }),
);

describe(
  EventsController,
  'drop',
  ApiOperation({
    operationId: 'dropUser',
    tags: ['connectors'],
    summary: "Drop a user's connections",
    description:
      'Ends every connection of a user on every node (WebSocket close code 4503) that was there before, never what comes after.',
  }),
  ApiBody({
    required: true,
    schema: ref('DropRequest'),
    examples: { one: { value: { drop_access_id: 'client1' } } },
  }),
  ...needsKey('drop'),
  success('Done', 'Each connection was told. Also if there was none.', true),
  ...failures([401, 413, 415, 503], {
    400: { when: 'Not such an object, or not HTTP.', message: 'drop_access_id must be a string' },
    503: { when: 'The store cannot take it.' },
  }),
);
