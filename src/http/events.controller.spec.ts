import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { drop, event, json, push, send, type Answer } from '../../test/support/http.js';
import { eventually } from '../../test/support/wait.js';
import { WrappedLog } from '../../test/support/wrapped-log.js';
import { OpenAuthenticator } from '../auth/open-authenticator.js';
import { OpenConnectors } from '../auth/open-connectors.js';
import { readConfig } from '../config.js';
import { PrometheusMetrics } from '../metrics/prometheus-metrics.js';
import { Authenticator } from '../notifier/authenticator.js';
import { Connectors } from '../notifier/connectors.js';
import { StoreUnavailableError } from '../notifier/event-log.js';
import { Lifecycle } from '../notifier/lifecycle.js';
import { Metrics } from '../notifier/metrics.js';
import { NotifierModule } from '../notifier/notifier.module.js';
import { OpenConnections } from '../notifier/open-connections.js';
import { NotifierOptions } from '../notifier/options.js';
import { MemoryEventLog } from '../storage/memory-event-log.js';
import { BodiesInTheMaking } from '../wire/bodies-in-the-making.js';
import { ConnectorAccess } from '../wire/connector-access.js';
import { PeerAddresses } from '../wire/peer-addresses.js';
import { PushIntake } from '../wire/push-intake.js';
import { RefusalLog } from '../wire/refusal-log.js';
import { PushLimits } from '../wire/push-limits.js';
import { EventsController } from './events.controller.js';
import { NotifierHttpAdapter } from './notifier-http-adapter.js';

const CONFIG = readConfig({ NOTIFIER_MAX_BATCH: '3', NOTIFIER_MAX_BODY: '2000' });
const EVENTS = [event('a', 1, 'x'), event('b', 2, 'y')];

/** The first spelling of the path is taken off the server before Express sees it; the other goes through Nest's route. */
describe.each(['/push_events', '/push_events/'])('a push to %s', (path) => {
  let app: INestApplication;
  let log: WrappedLog;
  let url: string;

  beforeEach(async () => {
    log = new WrappedLog(new MemoryEventLog(CONFIG.bounds));
    const ports = [
      log.provider,
      { provide: NotifierOptions, useValue: CONFIG },
      { provide: PushLimits, useValue: CONFIG },
      { provide: Authenticator, useClass: OpenAuthenticator },
      { provide: Connectors, useClass: OpenConnectors },
      { provide: PeerAddresses, useFactory: () => new PeerAddresses(undefined) },
      { provide: OpenConnections, useFactory: () => new OpenConnections(10, undefined) },
      { provide: Metrics, useClass: PrometheusMetrics },
      ConnectorAccess,
      Lifecycle,
      BodiesInTheMaking,
      PushIntake,
      RefusalLog,
    ];
    const module = await Test.createTestingModule({
      imports: [{ module: NotifierModule, global: true, providers: ports, exports: ports }],
      controllers: [EventsController],
    }).compile();
    const http = new NotifierHttpAdapter(1000, undefined);
    app = module.createNestApplication(http, { bodyParser: false, logger: false });
    http.shortcut('/push_events', (request, response) => app.get(EventsController).push(request, response));
    await app.listen(0, '127.0.0.1');
    url = `http://127.0.0.1:${((app.getHttpServer() as Server).address() as AddressInfo).port}`;
  });

  afterEach(() => app.close());

  function pushTo(
    events: readonly object[],
    headers: Record<string, string | string[]> = {},
  ): Promise<Answer> {
    const body = JSON.stringify(events);
    return send(url, path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body,
    });
  }

  const stored = async () => [(await log.extent('a')).events, (await log.extent('b')).events];

  test('is answered true as JSON once it is stored', async () => {
    const answer = await pushTo(EVENTS);
    expect([answer.status, answer.text, answer.headers['content-type']]).toEqual([
      200,
      'true',
      'application/json',
    ]);
    expect(await stored()).toEqual([1, 1]);
  });

  test('is answered, as anything else is, with how long its connection may stay without a request', async () => {
    // Longer than the 60 s of common proxies: what ends first must be their side.
    const answers = [await pushTo(EVENTS), await send(url, '/health/live')];
    expect(answers.map(({ headers }) => headers['keep-alive'])).toEqual(['timeout=65', 'timeout=65']);
  });

  test('is answered with the time of the answer', async () => {
    const { date } = (await pushTo(EVENTS)).headers;
    await eventually(async () => (await pushTo(EVENTS)).headers.date !== date, 'a second has passed');
  });

  test('is not answered before it is stored', async () => {
    let isStored = false;
    log.at = async (point) => {
      if (point !== 'appended') return;
      await new Promise((resolve) => setImmediate(resolve));
      isStored = true;
    };
    await pushTo(EVENTS);
    expect(isStored).toBe(true);
  });

  test('of which one event is wrong stores none', async () => {
    const answer = await pushTo([...EVENTS, { ...EVENTS[0], created_at: 'x' }]);
    expect([answer.status, json(answer)]).toEqual([
      400,
      { statusCode: 400, error: 'Bad Request', message: 'events[2].created_at must be an integer' },
    ]);
    expect(await stored()).toEqual([0, 0]);
  });

  test.each([
    ['too many events', [...EVENTS, ...EVENTS], 'body must hold at most 3 events'],
    ['too many bytes', [event('a', 1, 'x'.repeat(2000))], 'body must be at most 2000 bytes'],
  ])('of %s is refused whole', async (_what, events, message) => {
    const answer = await pushTo(events);
    expect([answer.status, json(answer)]).toEqual([413, expect.objectContaining({ message })]);
    expect(await stored()).toEqual([0, 0]);
  });

  test('that is repeated under its key is stored once', async () => {
    const headers = { 'Idempotency-Key': 'k' };
    expect((await pushTo(EVENTS, headers)).text).toBe('true');
    expect((await pushTo(EVENTS, headers)).text).toBe('true');
    expect(await stored()).toEqual([1, 1]);
    expect((await pushTo([EVENTS[0]!], headers)).status).toBe(422);
    expect(await stored()).toEqual([1, 1]);
  });

  test('that is refused claims no key', async () => {
    const headers = { 'Idempotency-Key': 'k' };
    expect((await pushTo([{}], headers)).status).toBe(400);
    expect((await pushTo(EVENTS, headers)).text).toBe('true');
  });

  test.each(['', ' ', 'x'.repeat(256), 'ü'])('with the key %p is refused', async (key) => {
    expect((await pushTo(EVENTS, { 'Idempotency-Key': key })).status).toBe(400);
    expect((await pushTo(EVENTS, { 'Idempotency-Key': ['one', 'two'] })).status).toBe(400);
    expect(await stored()).toEqual([0, 0]);
  });

  test('which the store does not take may be repeated, and says nothing of the store', async () => {
    log.at = () => {
      throw new StoreUnavailableError('disk /dev/secret is full');
    };
    const answer = await pushTo(EVENTS);
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, expect.stringMatching(/^\d+$/)]);
    expect(answer.text).not.toContain('secret');
  });

  test('that meets a fault of the server is answered 500 without a word of it', async () => {
    log.at = () => {
      throw new TypeError('secret');
    };
    expect(json(await pushTo(EVENTS))).toEqual({
      statusCode: 500,
      error: 'Internal Server Error',
      message: 'internal error',
    });
  });

  test('to a server that is going down is to be repeated elsewhere', async () => {
    app.get(Lifecycle).end();
    const answer = await pushTo(EVENTS);
    expect([answer.status, answer.headers['retry-after']]).toEqual([503, expect.stringMatching(/^\d+$/)]);
    expect(await stored()).toEqual([0, 0]);
  });

  test('lets drops be counted in the log beside it', async () => {
    await push(url, EVENTS);
    expect((await drop(url, 'a')).text).toBe('true');
    expect((await drop(url, 'nobody')).text).toBe('true');
    expect((await log.extent('a')).drops).toBe(1);
    log.at = () => {
      throw new StoreUnavailableError('gone');
    };
    expect((await drop(url, 'a')).status).toBe(503);
    expect((await log.extent('a')).drops).toBe(1);
  });
});
