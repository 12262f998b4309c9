import type { Server } from 'node:http';
import { Lifecycle } from '../../src/notifier/lifecycle.js';
import { get, push, send, type Answer } from './http.js';
import { RawSocket } from './raw-socket.js';
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
    { status: 408, operation: 'GET /clients', request: () => this.sendSlowly() },
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
    {
      status: 417,
      operation: 'GET /clients',
      request: () => get(this.url, '/clients', { Expect: 'nonsense' }),
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

  /** Headers that do not end, under a deadline that is shorter than usual. */
  private async sendSlowly(): Promise<Answer> {
    const server: Server = this.open.app.getHttpServer();
    const { headersTimeout } = server;
    server.headersTimeout = 200;
    const answer = await answerTo(this.url, 'GET /clients HTTP/1.1\r\nHost: 127.0.0.1\r\n');
    server.headersTimeout = headersTimeout;
    return answer;
  }

  private async repeatWithOtherEvents(): Promise<Answer> {
    await push(this.url, EVENT, { 'Idempotency-Key': 'a' });
    return push(this.url, '[]', { 'Idempotency-Key': 'a' });
  }
}

/** What comes back for bytes that are no request as it should be, once the connection has ended. */
export async function answerTo(url: string, bytes: string): Promise<Answer> {
  const socket = await RawSocket.connect(url);
  socket.write(bytes);
  await socket.ended();
  const [head = '', text = ''] = socket.received.toString().split('\r\n\r\n');
  const [, ...lines] = head.split('\r\n');
  const headers = lines.map((line) => [
    line.split(': ')[0]!.toLowerCase(),
    line.slice(line.indexOf(': ') + 2),
  ]);
  const [status = 0] = socket.statuses;
  socket.destroy();
  return { status, headers: Object.fromEntries(headers) as Answer['headers'], text };
}
