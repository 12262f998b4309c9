import type { Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { EventLog } from '../src/notifier/event-log.js';
import { MemoryEventLog } from '../src/storage/memory-event-log.js';
import { readConfig } from '../src/config.js';
import { Figures } from './support/figures.js';
import { event, get, json, push } from './support/http.js';
import { RawSocket } from './support/raw-socket.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';

/** A store that is told when to go on. */
class HeldLog extends MemoryEventLog {
  release: () => void = () => undefined;
  isAsked = false;
  private readonly held = new Promise<void>((resolve) => (this.release = resolve));

  override async append(...args: Parameters<MemoryEventLog['append']>) {
    this.isAsked = true;
    await this.held;
    return super.append(...args);
  }
}

const HEAD = 'POST /push_events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n';
const BODY = JSON.stringify([event('client1', 1, 'x')]);
const PUSH = `${HEAD}Content-Length: ${BODY.length}\r\n\r\n${BODY}`;

let log: HeldLog;
let running: RunningApp;
let socket: RawSocket;

beforeEach(async () => {
  log = new HeldLog(readConfig({}).bounds);
  running = await startApp({}, [{ provide: EventLog, useValue: log }]);
  socket = await RawSocket.connect(running.url);
});

afterEach(async () => {
  socket.destroy();
  log.release();
  await running.close();
});

const server = (): Server => running.app.getHttpServer();

/** Waits until the server has cut what it has ended. */
function letGo(): Promise<void> {
  return eventually(
    () => new Promise((resolve) => server().getConnections((_error, count) => resolve(count === 0))),
    'the server has let go of it',
  );
}

/** The answers on a connection, each as its status line, headers and body. */
function answers(): { status: number; headers: string; body: string }[] {
  const parts = socket.received.toString('latin1').split(/(?=HTTP\/1\.1 \d{3} )/);
  return parts.filter(Boolean).map((text) => {
    const [headers = '', body = ''] = text.split('\r\n\r\n');
    return { status: Number(headers.slice(9, 12)), headers, body };
  });
}

async function heldPush(): Promise<void> {
  socket.write(PUSH);
  await eventually(() => log.isAsked, 'the store is asked');
}

function expectError(answer: ReturnType<typeof answers>[number] | undefined, statusCode: number): void {
  expect(answer?.status).toBe(statusCode);
  expect(answer?.headers).toMatch(/^Connection: close$/m);
  expect(answer?.headers).toMatch(/^Content-Type: application\/json$/m);
  expect(JSON.parse(answer!.body)).toEqual({
    statusCode,
    error: expect.any(String),
    message: expect.any(String),
  });
}

describe('what is not HTTP is answered in the form of every other error, and ends the connection', () => {
  test.each([
    ['nonsense', 'nonsense\r\n\r\n', 400],
    ['a control character in a header', 'GET / HTTP/1.1\r\nHost: a\r\nX: \u0001\r\n\r\n', 400],
    ['two lengths', `${HEAD}Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]`, 400],
    [
      'a length and chunks, which proxies and servers read differently',
      `${HEAD}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /health/live HTTP/1.1\r\nHost: a\r\n\r\n`,
      400,
    ],
    ['a chunk of no size', `${HEAD}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, 400],
    ['headers of 9 KiB', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(9 * 1024)}\r\n\r\n`, 431],
    ['headers of 1 MiB', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(1024 * 1024)}\r\n\r\n`, 431],
    [
      'chunk extensions of 17 KiB',
      `${HEAD}Transfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(17 * 1024)}\r\n`,
      413,
    ],
  ])('%s', async (_name, bytes, status) => {
    socket.write(bytes);
    await socket.ended();
    expect(answers()).toHaveLength(1);
    expectError(answers()[0], status);
    expect(log.isAsked).toBe(false);
  });

  test('a TLS handshake with a plain port', async () => {
    socket.write(Buffer.from('16030100050100000100', 'hex'));
    await socket.ended();
    expectError(answers()[0], 400);
  });

  test.each([
    ['headers', 'GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n'],
    ['a body', `${HEAD}Content-Length: 100\r\n\r\n[`],
    ['nothing at all', ''],
  ])('%s that take too long', async (_name, bytes) => {
    // So long is too long for a test.
    expect(server()).toMatchObject({ headersTimeout: 10_000, requestTimeout: 15_000 });
    Object.assign(server(), { headersTimeout: 200, requestTimeout: 300 });
    socket.write(bytes);
    await socket.ended();
    expect(answers()).toHaveLength(1);
    expectError(answers()[0], 408);
  });

  test.each([
    ['headers', HEAD.length],
    ['a body', PUSH.length - 10],
  ])('%s that take too long: what is still sent of them is not looked at', async (_name, inTime) => {
    Object.assign(server(), { headersTimeout: 200, requestTimeout: 300 });
    socket.write(PUSH.slice(0, inTime));
    await socket.ended();
    socket.write(PUSH.slice(inTime));
    await letGo();
    expect(answers()).toHaveLength(1);
    expectError(answers()[0], 408);
    expect(log.isAsked).toBe(false);
  });

  test.each([
    ['headers', 'GET /subscribe_to_events HTTP/1.1\r\nHost: 127.0.0.1\r\nAcc'],
    ['a body', `${HEAD}Content-Length: 100\r\n\r\n[`],
    ['a chunk', `${HEAD}Transfer-Encoding: chunked\r\n\r\n5\r\n[`],
  ])('%s that end half-way', async (_name, bytes) => {
    socket.write(bytes);
    socket.socket.end();
    await socket.ended();
    expect(answers()).toHaveLength(1);
    expectError(answers()[0], 400);
    expect(JSON.parse(answers()[0]!.body)).toMatchObject({ message: 'the request was cut off' });
  });
});

describe('a head that the parser reads, and that is none of HTTP/1.1', () => {
  const UPGRADE =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

  test.each([
    ['without a Host', 'GET /clients HTTP/1.1\r\n'],
    ['with two', 'GET /clients HTTP/1.1\r\nHost: 127.0.0.1\r\nhost: evil.example\r\n'],
    ['of a version to come', 'GET /clients HTTP/2.0\r\nHost: 127.0.0.1\r\n'],
    ['of a version without headers', 'GET /clients HTTP/0.9\r\nHost: 127.0.0.1\r\n'],
    ['of a handshake without a Host', `GET /subscribe_to_events HTTP/1.1\r\n${UPGRADE}`],
    [
      'of a handshake with two',
      `GET /push_events HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1\r\n${UPGRADE}`,
    ],
  ])('%s', async (_name, head) => {
    socket.write(`${head}Connection: close\r\n\r\n`);
    await socket.ended();
    expect(answers()).toHaveLength(1);
    expectError(answers()[0], 400);
  });
});

test.each([
  [199, 200],
  [200, 431],
  [1500, 431],
])('a request with %d headers is answered with %d', async (headers, status) => {
  const more = 'X:\r\n'.repeat(headers - 2);
  socket.write(`GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${more}\r\n`);
  await socket.ended();
  expect(answers().map((answer) => answer.status)).toEqual([status]);
});

test.each(['gzip, chunked', 'x, chunked', 'identity, chunked', 'gzip\r\nTransfer-Encoding: chunked'])(
  'a body in a transfer coding that nobody undoes is not read: %j',
  async (coding) => {
    const size = BODY.length.toString(16);
    socket.write(`${HEAD}Transfer-Encoding: ${coding}\r\n\r\n${size}\r\n${BODY}\r\n0\r\n\r\n`);
    await socket.ended();
    expect(answers()).toHaveLength(1);
    expectError(answers()[0], 400);
    expect(JSON.parse(answers()[0]!.body)).toMatchObject({ message: 'Transfer-Encoding must be chunked' });
    expect(log.isAsked).toBe(false);
  },
);

test('a body in chunks is read, however their name is written', async () => {
  log.release();
  socket.write(
    `${HEAD}Transfer-Encoding: Chunked\r\n\r\n${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`,
  );
  await socket.until(() => answers()[0]?.body === 'true');
});

describe('an earlier request of the connection', () => {
  test('gets its own answer before what follows it is refused', async () => {
    await heldPush();
    socket.write('nonsense\r\n\r\n');
    // Whatever would be answered at once has been by then.
    await get(running.url, '/health/live');
    expect(answers()).toEqual([]);
    log.release();
    await socket.ended();
    expect(answers().map(({ status, body }) => [status, body.slice(0, 4)])).toEqual([
      [200, 'true'],
      [400, '{"st'],
    ]);
    expectError(answers()[1], 400);
  });

  test('whose peer is gone before what follows it is refused harms nobody', async () => {
    const gone = new Promise((done) => server().once('connect', (_, peer) => peer.once('close', done)));
    await heldPush();
    socket.write('CONNECT a:1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    const refused = 'notifier_errors_answered_total{status="405"}';
    await eventually(async () => (await Figures.of(running.url)).value(refused) === 1, 'it is refused');
    socket.socket.resetAndDestroy();
    await gone;
    expect((await get(running.url, '/health/live')).status).toBe(200);
  });

  test('gets its own answer where two of them wait', async () => {
    await heldPush();
    socket.write(`${PUSH}nonsense\r\n\r\n`);
    await get(running.url, '/health/live');
    log.release();
    await socket.ended();
    expect(answers().map(({ status }) => status)).toEqual([200, 200, 400]);
  });

  test('that has been answered gets no second answer', async () => {
    log.release();
    socket.write(PUSH);
    await socket.until(() => answers().length === 1);
    socket.write('nonsense\r\n\r\n');
    await socket.ended();
    expect(answers().map(({ status }) => status)).toEqual([200, 400]);
  });

  test('whose answer has begun is not written into', async () => {
    const refused = `POST /push_events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n`;
    socket.write(`${refused}1\r\nx\r\n`);
    await socket.until(() => answers().length === 1);
    socket.write('zz\r\n');
    await socket.ended();
    expect(answers().map(({ status }) => status)).toEqual([415]);
  });

  test('that is a stream ends', async () => {
    log.release();
    socket.write(
      'GET /subscribe_to_events?access_id=a&timestamp=0 HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n',
    );
    await socket.until(() => answers().length === 1);
    socket.write('nonsense\r\n\r\n');
    await socket.ended();
    expect(answers().map(({ status }) => status)).toEqual([200]);
  });
});

test('what still comes while the answer is on its way does not cut it off', async () => {
  const isCut: boolean[] = [];
  server().on('clientError', (_error, peer) => {
    if (isCut.push(peer.destroyed) === 1) socket.write('more');
  });
  socket.write('nonsense\r\n\r\n');
  await eventually(() => isCut.length === 2, 'it is not HTTP either');
  expect(isCut).toEqual([false, false]);
});

test('garbage that goes on and on after the refusal ends with the connection, and harms nobody', async () => {
  log.release();
  socket.write('nonsense\r\n\r\n');
  const more = setInterval(() => socket.write('x'.repeat(10_000)), 20);
  try {
    await letGo();
  } finally {
    clearInterval(more);
  }
  expect(answers()).toHaveLength(1);
  expect(json(await push(running.url, BODY))).toBe(true);
});
