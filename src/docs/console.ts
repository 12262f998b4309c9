import { ApiExcludeEndpoint, ApiOperation, ApiQuery, ApiResponse } from '@nestjs/swagger';
import { FiguresController } from '../console/figures.controller.js';
import { LogController } from '../console/log.controller.js';
import { PageController } from '../console/page.controller.js';
import { FIGURES } from '../notifier/node-history.js';
import { describe } from './describe.js';
import { ruleSchema } from './member-schemas.js';
import { failures, success } from './responses.js';
import { needsKey } from './security.js';

const ANSWER = {
  store: 'lmdb',
  subscribers: 'everyone',
  figures: FIGURES,
  nodes: [
    {
      node: 'host-a1b2c3',
      started_at: 1767225600000,
      samples: [[1767225630000, 3, 2, 120.4, 240.8, 0.412, 1.95, 18342]],
    },
    { node: 'host-d4e5f6', started_at: null, samples: null },
  ],
};

const LOG = {
  access_id: 'client1',
  oldest: 1,
  newest: 1,
  payloads: true,
  events: [{ id: 'Zm9vYmFy.1.1x2y3z', number: 1, created_at: 10, bytes: 65, payload: '"a message"' }],
};

describe(
  PageController,
  'page',
  ApiOperation({ operationId: 'console', tags: ['operators'], summary: 'The page for operators' }),
  ApiResponse({
    status: 200,
    description: 'A page.',
    content: { 'text/html': { schema: { type: 'string' } } },
  }),
  ...failures([404], {
    404: { when: 'The page was not built.', message: 'the page is not built: npm run build makes it' },
  }),
);

// A part of the page, and nobody's interface.
describe(PageController, 'asset', ApiExcludeEndpoint());

describe(
  FiguresController,
  'figures',
  ApiOperation({
    operationId: 'figures',
    tags: ['operators'],
    summary: 'How all nodes did during the last 15 minutes, one sample a second',
  }),
  ApiQuery({
    name: 'since',
    required: false,
    schema: { type: 'integer', minimum: 0 },
    description: 'Unix milliseconds: only samples after that.',
  }),
  ...needsKey('read'),
  success('Figures', 'The node that answers stands first.', ANSWER),
  ...failures([401], { 400: { message: 'since must be a time in Unix milliseconds' } }),
);

describe(
  LogController,
  'log',
  ApiOperation({
    operationId: 'log',
    tags: ['operators'],
    summary: "The newest events of one user's log, in log order",
    description: 'What events say is told only where everyone may subscribe to them.',
  }),
  ApiQuery({ name: 'access_id', required: true, schema: ruleSchema('isAccessId') }),
  ApiQuery({
    name: 'before',
    required: false,
    schema: { type: 'integer', minimum: 1 },
    description: 'Only events with a lower number.',
  }),
  ApiQuery({
    name: 'limit',
    required: false,
    schema: { type: 'integer', minimum: 1, maximum: 200, default: 100 },
  }),
  ...needsKey('read'),
  success('Log', 'A part of the log; fewer events where they are large.', LOG),
  ...failures([401, 503], {
    400: { message: 'limit must be an integer from 1 to 200' },
    503: { when: 'The store cannot tell.' },
  }),
);
