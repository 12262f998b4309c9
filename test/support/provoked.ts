import { Lifecycle } from '../../src/notifier/lifecycle.js';
import { get, push, send, type Answer } from './http.js';
import { startApp, type RunningApp } from './start-app.js';

const WITH_KEY = { Authorization: 'Bearer 0123456789abcdef' };
const EVENT = '[{"accessid":"client1","created_at":1,"payload":1}]';

/** With `Host` and `Connection`, one more than is taken. */
const TOO_MANY_HEADERS = Object.fromEntries(Array.from({ length: 198 }, (_, i) => [`x-${i}`, '']));

/** A request that is answered with a certain status. */
export interface Provocation {
  readonly status: number;
  /** `POST /push_events` */
  readonly operation: string;
  readonly request: () => Promise<Answer>;
}

/** Two servers, an open one and one with API keys, and a request for each status that this server has. */
export class Provoked {
  /** In order of the statuses: the last one ends the service. */
  readonly statuses: readonly Provocation[] = [
    { status: 200, operation: 'POST /push_events', request: () => push(this.url, EVENT) },
    { status: 400, operation: 'POST /push_events', request: () => push(this.url, '[') },
    { status: 401, operation: 'POST /push_events', request: () => push(this.guardedUrl, EVENT) },
    { status: 403, operation: 'GET /clients', request: () => get(this.guardedUrl, '/clients', WITH_KEY) },
    { status: 404, operation: 'GET /nowhere', request: () => get(this.url, '/nowhere') },
    { status: 405, operation: 'GET /push_events', request: () => get(this.url, '/push_events') },
    {
      status: 413,
      operation: 'POST /push_events',
      request: () => push(this.url, ' '.repeat(1024 * 1024 + 1)),
    },
    {
      status: 415,
      operation: 'POST /push_events',
      request: () => push(this.url, EVENT, { 'Content-Type': 'text/plain' }),
    },
    { status: 422, operation: 'POST /push_events', request: () => this.repeatWithOtherEvents() },
    {
      status: 426,
      operation: 'GET /subscribe_to_events',
      request: () => get(this.url, '/subscribe_to_events'),
    },
    { status: 429, operation: 'POST /push_events', request: () => this.pushAfterTooMany() },
    { status: 431, operation: 'GET /clients', request: () => get(this.url, '/clients', TOO_MANY_HEADERS) },
    { status: 503, operation: 'POST /push_events', request: () => this.pushWhileEnding() },
  ];

  private constructor(
    readonly open: RunningApp,
    readonly guarded: RunningApp,
  ) {}

  static async start(): Promise<Provoked> {
    const settings = { NOTIFIER_API_KEYS: 'pusher:0123456789abcdef:push', NOTIFIER_RATE_LIMIT: '1' };
    return new Provoked(await startApp(), await startApp(settings));
  }

  get url(): string {
    return this.open.url;
  }

  get guardedUrl(): string {
    return this.guarded.url;
  }

  async close(): Promise<void> {
    await Promise.all([this.open.close(), this.guarded.close()]);
  }

  pushWithoutKey(): Promise<Answer> {
    return push(this.guardedUrl, EVENT);
  }

  /** A push that is larger than the rate leaves a debt of as many seconds. */
  async pushAfterTooMany(): Promise<Answer> {
    await push(this.guardedUrl, JSON.stringify(Array(1000).fill(JSON.parse(EVENT)[0])), WITH_KEY);
    return push(this.guardedUrl, EVENT, WITH_KEY);
  }

  pushWhileEnding(): Promise<Answer> {
    this.open.app.get(Lifecycle).end();
    return push(this.url, EVENT);
  }

  wrongMethod(): Promise<Answer> {
    return send(this.url, '/push_events');
  }

  private async repeatWithOtherEvents(): Promise<Answer> {
    await push(this.url, EVENT, { 'Idempotency-Key': 'a' });
    return push(this.url, '[]', { 'Idempotency-Key': 'a' });
  }
}
