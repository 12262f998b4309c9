import { HttpStatus } from '@nestjs/common';
import type { ReferenceObject, SchemaObject } from '@nestjs/swagger';
import { DropUserRequest } from '../http/drop-request.js';
import { PushedEventRequest } from '../wire/push-request.js';
import { ruleSchema, schemaOf } from './member-schemas.js';

const COUNT: SchemaObject = { type: 'integer', minimum: 0 };

const UNIX_MS: SchemaObject = { type: 'integer', description: 'Unix milliseconds.' };

const EVENT_ID: SchemaObject = { type: 'string', description: 'An event id, opaque to clients.' };

const EVENT_ID_OR_NULL: SchemaObject = { ...EVENT_ID, type: ['string', 'null'] };

const USER: SchemaObject = { ...ruleSchema('isAccessId'), description: 'A user.' };

/** Of answers: nothing is in them that is not here. */
function closed(properties: Record<string, SchemaObject | ReferenceObject>): SchemaObject {
  return { type: 'object', required: Object.keys(properties), properties, additionalProperties: false };
}

function listOf(items: SchemaObject | ReferenceObject): SchemaObject {
  return { type: 'array', items };
}

export function ref(name: keyof typeof SCHEMAS): ReferenceObject {
  return { $ref: `#/components/schemas/${name}` };
}

/** The bodies of requests and answers, by the names that the document gives them. */
export const SCHEMAS = {
  Event: {
    ...schemaOf(PushedEventRequest, {
      accessid: 'The user whom the event is for: at most 256 bytes of UTF-8.',
      payload:
        'Any JSON value, null included, nested at most 64 deep. Delivered as it stands, byte for byte.',
    }),
    description: 'Other members are ignored, and not passed on.',
  },
  Push: { type: 'array', items: { $ref: '#/components/schemas/Event' } },
  DropRequest: schemaOf(DropUserRequest, { drop_access_id: 'The user whose connections end.' }),
  Done: { type: 'boolean', enum: [true] },
  Alive: closed({ status: { type: 'string', enum: ['ok'] } }),
  Error: {
    ...closed({
      statusCode: { type: 'integer', minimum: HttpStatus.BAD_REQUEST, maximum: 599 },
      error: { type: 'string', description: "The status's name." },
      message: { type: 'string', description: 'What is wrong, for people. It never quotes the request.' },
    }),
    description: 'Every error has this form.',
  },
  ClientsPage: closed({
    clients: listOf(closed({ access_id: USER, connections: { type: 'integer', minimum: 1 } })),
    next: { type: ['string', 'null'], description: 'The next `after`; `null` at the end.' },
  }),
  Explanation: closed({
    access_id: USER,
    log: closed({
      events: COUNT,
      bytes: COUNT,
      oldest: EVENT_ID_OR_NULL,
      newest: EVENT_ID_OR_NULL,
      trimmed: { ...COUNT, description: 'Events that the log no longer has.' },
    }),
    connections: listOf({
      oneOf: [{ $ref: '#/components/schemas/Connection' }, { $ref: '#/components/schemas/SilentNode' }],
    }),
    drops: { ...COUNT, description: 'How often the user was dropped.' },
  }),
  Connection: closed({
    node: { type: 'string' },
    since: UNIX_MS,
    address: { type: 'string', description: "The client's, or that which a trusted proxy names." },
    form: { type: 'string', enum: ['plain', 'resumable', 'sse'] },
    position: { ...EVENT_ID_OR_NULL, description: 'The newest event given to its socket.' },
    behind: { ...COUNT, description: 'Events in the log that it has not been given.' },
    last_sign_of_life: UNIX_MS,
  }),
  SilentNode: {
    ...closed({ node: { type: 'string' }, form: { type: 'string', enum: ['unknown'] } }),
    description: 'A node that did not answer within 500 ms.',
  },
  Figures: closed({
    store: { type: 'string', enum: ['lmdb', 'memory', 'redis'] },
    subscribers: { type: 'string', enum: ['everyone', 'authenticated'] },
    figures: { ...listOf({ type: 'string' }), description: 'What each number of a sample is.' },
    nodes: listOf(
      closed({
        node: { type: 'string' },
        started_at: { ...UNIX_MS, type: ['integer', 'null'] },
        samples: {
          type: ['array', 'null'],
          items: listOf({ type: ['number', 'null'] }),
          description: '`null` for a node that did not answer within 500 ms.',
        },
      }),
    ),
  }),
  Log: closed({
    access_id: USER,
    oldest: { type: 'integer', minimum: 1 },
    newest: { ...COUNT, description: 'Below `oldest` where the log holds nothing.' },
    payloads: { type: 'boolean', description: 'Whether the events have theirs.' },
    events: listOf({ $ref: '#/components/schemas/LoggedEvent' }),
  }),
  LoggedEvent: {
    type: 'object',
    required: ['id', 'number', 'created_at', 'bytes'],
    properties: {
      id: EVENT_ID,
      number: { type: 'integer', minimum: 1, description: 'Its place in the log.' },
      created_at: { type: 'integer' },
      bytes: { type: 'integer', minimum: 1, description: 'As it is delivered.' },
      payload: { type: 'string', description: 'JSON text; of a long one the first 1024 bytes and `…`.' },
    },
    additionalProperties: false,
  },
} satisfies Record<string, SchemaObject>;
