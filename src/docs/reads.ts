import { ApiOperation, ApiQuery, ApiResponse } from '@nestjs/swagger';
import { ClientsController } from '../http/clients.controller.js';
import { HealthController } from '../http/health.controller.js';
import { MetricsController } from '../http/metrics.controller.js';
import { describe } from './describe.js';
import { DocsController } from './docs.controller.js';
import { ruleSchema } from './member-schemas.js';
import { failures, success } from './responses.js';
import { ref } from './schemas.js';
import { needsKey } from './security.js';

const PAGE = { clients: [{ access_id: 'client1', connections: 2 }], next: null };

const EXPLANATION = {
  access_id: 'client1',
  log: {
    events: 2,
    bytes: 134,
    oldest: 'Zm9vYmFy.1.1x2y3z',
    newest: 'Zm9vYmFy.2.4a5b6c',
    trimmed: 0,
  },
  connections: [
    {
      node: 'host-a1b2c3',
      since: 1767225600000,
      address: '127.0.0.1',
      form: 'plain',
      position: 'Zm9vYmFy.2.4a5b6c',
      behind: 0,
      last_sign_of_life: 1767225630000,
    },
    { node: 'host-d4e5f6', form: 'unknown' },
  ],
  drops: 0,
};

describe(
  ClientsController,
  'clients',
  ApiOperation({
    operationId: 'clients',
    tags: ['operators'],
    summary: 'Who is connected, or why one user did or did not get something',
    description: 'Over all nodes, in UTF-8 byte order, page by page; with `access_id` it explains that user.',
  }),
  ApiQuery({ name: 'access_id', required: false, schema: ruleSchema('isAccessId') }),
  ApiQuery({
    name: 'after',
    required: false,
    schema: ruleSchema('isAccessId'),
    description: 'The `next` of the page before.',
  }),
  ApiQuery({
    name: 'limit',
    required: false,
    schema: { type: 'integer', minimum: 1, maximum: 10_000, default: 1000 },
  }),
  ApiQuery({
    name: 'containing',
    required: false,
    schema: ruleSchema('isAccessId'),
    description: 'Only users whose `access_id` has this in it.',
  }),
  ...needsKey('read'),
  ApiResponse({
    status: 200,
    description: 'A page of the connected users; with `access_id`, an explanation.',
    content: {
      'application/json': {
        schema: { oneOf: [ref('ClientsPage'), ref('Explanation')] },
        examples: { page: { value: PAGE }, explanation: { value: EXPLANATION } },
      },
    },
  }),
  ...failures([401, 503], {
    400: { when: 'An invalid query, or not HTTP.', message: 'limit must be an integer from 1 to 10000' },
    503: { when: 'The store cannot tell.' },
  }),
);

describe(
  MetricsController,
  'report',
  ApiOperation({
    operationId: 'metrics',
    tags: ['operators'],
    summary: 'Figures of this node, for Prometheus',
  }),
  ...needsKey('read'),
  ApiResponse({
    status: 200,
    description: 'The Prometheus text format.',
    content: {
      'text/plain': {
        schema: { type: 'string' },
        example: '# TYPE notifier_connections gauge\nnotifier_connections 2\n',
      },
    },
  }),
  ...failures([401]),
);

describe(
  HealthController,
  'live',
  ApiOperation({ operationId: 'live', tags: ['operators'], summary: 'Whether the process answers' }),
  success('Alive', 'It does.', { status: 'ok' }),
  ...failures([]),
);

describe(
  HealthController,
  'ready',
  ApiOperation({ operationId: 'ready', tags: ['operators'], summary: 'Whether it should get traffic' }),
  success('Alive', 'It should.', { status: 'ok' }),
  ...failures([503], {
    503: { when: 'It is going down, or the store takes no events.', message: 'the server is going down' },
  }),
);

describe(
  DocsController,
  'page',
  ApiOperation({ operationId: 'docs', tags: ['documents'], summary: 'This document, in a browser' }),
  ApiResponse({
    status: 200,
    description: 'A page.',
    content: { 'text/html': { schema: { type: 'string' } } },
  }),
  ...failures([]),
);

describe(
  DocsController,
  'json',
  ApiOperation({ operationId: 'docsJson', tags: ['documents'], summary: 'This document' }),
  ApiResponse({
    status: 200,
    description: 'An OpenAPI document.',
    content: { 'application/json': { schema: { type: 'object', required: ['openapi', 'info', 'paths'] } } },
  }),
  ...failures([]),
);
