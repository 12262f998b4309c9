import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { OpenAPIObject, OperationObject, ResponseObject } from '@nestjs/swagger';
import { Validator } from '@seriousme/openapi-schema-validator';
import type { Express } from 'express';
import { ALLOWED_METHODS } from '../src/http/routes.js';
import { EventStream } from './support/event-stream.js';
import { drop, event, get, json, push, send, type Answer } from './support/http.js';
import { pointer, Schemas } from './support/json-schema.js';
import { answerTo, Provoked } from './support/provoked.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { SECRET } from './support/tokens.js';

let servers: Provoked;
let strict: RunningApp;
let document: OpenAPIObject;
let schemas: Schemas;

beforeAll(async () => {
  servers = await Provoked.start();
  strict = await startApp({
    NOTIFIER_API_KEYS: 'pusher:0123456789abcdef:push',
    NOTIFIER_JWT_SECRET: SECRET,
    HOST: '127.0.0.1',
  });
  document = json(await get(servers.url, '/docs-json')) as OpenAPIObject;
  schemas = new Schemas(document);
});

afterAll(() => Promise.all([servers.close(), strict.close()]));

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly operation: OperationObject;
}

function operations(): Operation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ method, path, operation })),
  );
}

/** What the document says of an answer to a request, and where it says so. */
function responseFor(name: string, status: number): { at: string[]; response: ResponseObject } {
  const [method = '', path = ''] = name.split(' ');
  // What is no operation is answered in the same two ways everywhere.
  const elsewhere = { 404: 'NotFound', 405: 'MethodNotAllowed' }[status];
  const own = ['paths', path, method.toLowerCase(), 'responses', String(status)];
  const at = elsewhere === undefined ? own : ['components', 'responses', elsewhere];
  let found: unknown = document;
  for (const key of at) found = (found as Record<string, unknown> | undefined)?.[key];
  if (!found) throw new Error(`the document has no ${status} of ${name}`);
  return { at, response: found as ResponseObject };
}

/** Holds an answer of the server against the document. */
function check(name: string, answer: Answer): void {
  const { at, response } = responseFor(name, answer.status);
  for (const [header, { required, schema }] of Object.entries(response.headers ?? {}) as [
    string,
    { required?: boolean; schema: { type: string } },
  ][]) {
    const value = answer.headers[header.toLowerCase()];
    if (required)
      expect([name, answer.status, header, typeof value]).toEqual([name, answer.status, header, 'string']);
    if (value !== undefined && schema.type === 'integer') expect(value).toMatch(/^\d+$/);
  }
  const types = Object.keys(response.content ?? {});
  if (types.length === 0) return expect(answer.text).toBe('');
  const type = (answer.headers['content-type'] ?? '').split(';')[0]!;
  expect(types).toContain(type);
  if (type !== 'application/json') return;
  const faults = schemas.faults(pointer(...at, 'content', type, 'schema'), json(answer));
  expect([name, answer.status, faults]).toEqual([name, answer.status, []]);
  if (answer.status >= 400) expect(json(answer)).toMatchObject({ statusCode: answer.status });
}

describe('the OpenAPI document', () => {
  test('is one', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate({ ...document });
    expect([valid, errors]).toEqual([true, undefined]);
    expect(validator.version).toBe('3.1');
  });

  test('has every route of the server, and no other', () => {
    const { router }: Express = servers.open.app.getHttpAdapter().getInstance();
    const routes = router.stack.flatMap(({ route }) =>
      route ? route.stack.map(({ method }) => `${method} ${route.path}`) : [],
    );
    const ofPages = ['get /docs/:file', 'get /console/assets/:name'];
    expect(routes).toEqual(expect.arrayContaining(ofPages));
    const described = operations().map(({ method, path }) => `${method} ${path}`);
    expect(new Set(described)).toEqual(new Set(routes.filter((route) => !ofPages.includes(route))));
    expect(new Set(Object.keys(document.paths))).toEqual(new Set(Object.keys(ALLOWED_METHODS)));
  });

  test('says of every operation what it is, and has an example of every body', () => {
    for (const { method, path, operation } of operations()) {
      expect([method, path, typeof operation.summary, operation.tags?.length]).toEqual([
        method,
        path,
        'string',
        1,
      ]);
      for (const [status, response] of Object.entries(operation.responses) as [string, ResponseObject][]) {
        expect(response.description).not.toBe('');
        const bodies = Object.entries(response.content ?? {}).filter(([type]) => type === 'application/json');
        for (const [type, body] of bodies) {
          if (path === '/docs-json' && status === '200') continue;
          const examples = Object.values(body.examples ?? { one: { value: body.example } }) as {
            value: unknown;
          }[];
          const schema = pointer('paths', path, method, 'responses', status, 'content', type, 'schema');
          for (const { value } of examples)
            expect([path, status, schemas.faults(schema, value)]).toEqual([path, status, []]);
        }
      }
    }
  });

  test('has requests that the server takes', async () => {
    for (const { method, path, operation } of operations().filter(({ operation }) => operation.requestBody)) {
      const { content } = operation.requestBody as { content: Record<string, { examples: object }> };
      const schema = pointer('paths', path, method, 'requestBody', 'content', 'application/json', 'schema');
      const examples = Object.values(content['application/json']!.examples) as { value: unknown }[];
      expect(examples.length).toBeGreaterThan(0);
      for (const { value } of examples) {
        expect(schemas.faults(schema, value)).toEqual([]);
        const headers = { 'Content-Type': 'application/json' };
        const answer = await send(servers.url, path, {
          method: 'POST',
          headers,
          body: JSON.stringify(value),
        });
        expect([path, answer.status]).toEqual([path, 200]);
        check(`POST ${path}`, answer);
      }
    }
  });

  test.each([
    ['a member that is missing', [{ accessid: 'a', created_at: 1 }]],
    ['a timestamp that is a string', [event('a', '1' as unknown as number, 1)]],
    ['a timestamp beyond 2^53', [event('a', 2 ** 53, 1)]],
    ['an empty user', [event('', 1, 1)]],
    ['a control character', [event('a\u0007', 1, 1)]],
    ['a long user', [event('a'.repeat(257), 1, 1)]],
    ['no array', {}],
  ])('refuses what the server refuses: %s', async (_name, body) => {
    const schema = pointer(
      'paths',
      '/push_events',
      'post',
      'requestBody',
      'content',
      'application/json',
      'schema',
    );
    expect(schemas.faults(schema, body)).not.toEqual([]);
    expect((await push(servers.url, JSON.stringify(body))).status).toBe(400);
  });
});

describe('what the server answers is what the OpenAPI document says', () => {
  const key = { Authorization: 'Bearer 0123456789abcdef' };
  const stream = { Accept: 'text/event-stream' };

  test.each([
    ['GET /clients', 200, () => get(servers.url, '/clients')],
    ['GET /clients', 200, () => get(servers.url, '/clients?limit=1')],
    ['GET /clients', 400, () => get(servers.url, '/clients?limit=0')],
    ['GET /clients', 401, () => get(strict.url, '/clients')],
    ['GET /clients', 403, () => get(servers.url, '/clients', { Host: 'example.com' })],
    ['GET /clients', 400, () => answerTo(servers.url, 'GET /clients HTTP/1.1\r\nHost: \u0001\r\n\r\n')],
    [
      'GET /clients',
      431,
      () => answerTo(servers.url, `GET /clients HTTP/1.1\r\nX: ${'x'.repeat(9000)}\r\n\r\n`),
    ],
    ['GET /metrics', 200, () => get(servers.url, '/metrics')],
    ['GET /console/figures', 200, () => get(servers.url, '/console/figures')],
    ['GET /console/figures', 400, () => get(servers.url, '/console/figures?since=x')],
    ['GET /console/figures', 401, () => get(strict.url, '/console/figures')],
    ['GET /console/log', 200, () => get(servers.url, '/console/log?access_id=client1')],
    ['GET /console/log', 400, () => get(servers.url, '/console/log')],
    ['GET /metrics', 403, () => get(strict.url, '/metrics', key)],
    ['GET /health/live', 200, () => get(servers.url, '/health/live')],
    ['GET /health/ready', 200, () => get(servers.url, '/health/ready')],
    ['GET /docs', 200, () => get(servers.url, '/docs')],
    ['GET /docs', 403, () => get(servers.url, '/docs', { Host: 'example.com' })],
    ['GET /docs-json', 200, () => get(servers.url, '/docs-json')],
    ['POST /docs', 405, () => send(servers.url, '/docs', { method: 'POST' })],
    ['POST /drop_user', 200, () => drop(servers.url, 'nobody')],
    ['POST /drop_user', 400, () => drop(servers.url, '')],
    ['POST /drop_user', 401, () => drop(strict.url, 'nobody')],
    ['POST /drop_user', 403, () => drop(strict.url, 'nobody', key)],
    ['POST /drop_user', 415, () => drop(servers.url, 'nobody', { 'Content-Type': 'text/plain' })],
    ['POST /drop_user', 413, () => drop(servers.url, 'a'.repeat(2 ** 20))],
    ['GET /subscribe_to_events', 400, () => get(servers.url, '/subscribe_to_events', stream)],
    [
      'GET /subscribe_to_events',
      401,
      () => get(strict.url, '/subscribe_to_events?access_id=a&timestamp=1', stream),
    ],
    [
      'GET /subscribe_to_events',
      403,
      () => get(servers.url, '/subscribe_to_events', { ...stream, Origin: 'https://evil.example' }),
    ],
    [
      'OPTIONS /subscribe_to_events',
      204,
      () => send(servers.url, '/subscribe_to_events', { method: 'OPTIONS' }),
    ],
  ] as const)('%s: %d', async (name, status, request) => {
    const answer = await request();
    expect(answer.status).toBe(status);
    check(name, answer);
  });

  test('of a user who is connected in every form', async () => {
    await push(servers.url, [event('known', 1, 'x')]);
    const plain = await SocketClient.subscribe(servers.url, { access_id: 'known', timestamp: 0 });
    const resumable = await SocketClient.subscribe(servers.url, { access_id: 'known', last_event_id: null });
    const events = await EventStream.open(servers.url, { access_id: 'known', timestamp: '0' });
    await Promise.all([plain.untilEvents(1), resumable.until((c) => c.hasReachedHead), events.payloads(1)]);
    const answer = await get(servers.url, '/clients?access_id=known');
    const { connections } = json(answer) as { connections: { form: string }[] };
    expect(connections.map(({ form }) => form).sort()).toEqual(['plain', 'resumable', 'sse']);
    check('GET /clients', answer);
    check('GET /clients', await get(servers.url, '/clients'));
    expect([events.status, events.headers['content-type']]).toEqual([200, 'text/event-stream']);
    expect(responseFor('GET /subscribe_to_events', 200).response.content).toHaveProperty([
      'text/event-stream',
    ]);
    events.close();
    await Promise.all([plain.close(), resumable.close()]);
  });

  test('of a stream beyond the limits', async () => {
    const full = await startApp({ NOTIFIER_MAX_CONNECTIONS: '1' });
    try {
      const client = await SocketClient.connect(full.url);
      const answer = await get(full.url, '/subscribe_to_events?access_id=a&timestamp=1', stream);
      expect(answer.status).toBe(503);
      check('GET /subscribe_to_events', answer);
      await client.close();
    } finally {
      await full.close();
    }
  });

  // The last one: it ends the service.
  test('for every status that there is', async () => {
    for (const { status, operation, request } of servers.statuses) {
      const answer = await request();
      expect([operation, answer.status]).toEqual([operation, status]);
      check(operation, answer);
    }
    check('GET /health/ready', await get(servers.url, '/health/ready'));
  });
});
