import { createServer, IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createHook } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { brotliCompressSync, createBrotliDecompress, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { json, send, type Answer } from '../../test/support/http.js';
import { RawSocket } from '../../test/support/raw-socket.js';
import { eventually } from '../../test/support/wait.js';
import { answerError } from './answer.js';
import { DivertibleRequest } from './divertible-request.js';
import { BodiesInTheMaking } from '../wire/bodies-in-the-making.js';
import { BodyReader } from './request-body.js';
import { collectGarbage } from '../../test/support/garbage.js';

/** Bytes of memory that are not garbage. */
async function memoryInUse(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await delay(1);
    collectGarbage();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Knows how often something was taken. */
class CountedBodies extends BodiesInTheMaking {
  parts = 0;

  override take(bytes: number): void {
    this.parts++;
    super.take(bytes);
  }
}

const MAX_BYTES = 1000;
const JSON_TYPE = { 'Content-Type': 'application/json' };

describe.each([
  ['as they come', IncomingMessage],
  ['straight from the parser', DivertibleRequest],
])('the reader of bodies, %s', (_way, Request) => {
  let server: Server;
  let url: string;
  let bodies: CountedBodies;
  /** Bodies that are being read. */
  let reading = 0;
  /** The last that has been. */
  let read: WeakRef<Buffer>;

  beforeEach(() => serve(MAX_BYTES));

  afterEach(() => {
    server.close();
    server.closeAllConnections();
  });

  /** A server that answers with the body that it has read. */
  async function serve(maxBytes: number): Promise<void> {
    bodies = new CountedBodies({ maxBodyBytes: maxBytes, maxBatchEvents: 1, maxEventBytes: 1 });
    const reader = new BodyReader(maxBytes, bodies);
    server = createServer({ IncomingMessage: Request }, (request, response) => {
      reading++;
      reader
        .read(request)
        .then(
          (body) => {
            read = new WeakRef(body);
            response.end(body);
          },
          (error: unknown) => answerError(response, error),
        )
        .finally(() => reading--);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  const post = (body: string | Buffer, headers: Record<string, string> = {}) =>
    send(url, '/', { method: 'POST', headers: { ...JSON_TYPE, ...headers }, body });

  test.each(['', 'x', 'é'.repeat(500)])('gives the bytes of %p', async (body) => {
    expect((await post(body)).text).toBe(body);
  });

  test.each([
    ['gzip', gzipSync('hello')],
    ['x-gzip', gzipSync('hello')],
    ['deflate', deflateSync('hello')],
    ['br', brotliCompressSync('hello')],
    [' GZIP ', gzipSync('hello')],
    ['identity', Buffer.from('hello')],
  ])('decompresses %s', async (encoding, body) => {
    expect((await post(body, { 'Content-Encoding': encoding })).text).toBe('hello');
  });

  test.each(['gzip', 'deflate', 'br'])('refuses what is no %s', async (encoding) => {
    expect(errorOf(await post('hello', { 'Content-Encoding': encoding }))).toEqual([
      400,
      'body cannot be decompressed as Content-Encoding says',
    ]);
  });

  test.each([
    [undefined, 415],
    ['text/plain', 415],
    ['application/jsonp', 415],
    ['application/json, text/plain', 415],
    ['application/json; charset=utf-16', 415],
    ['application/json; charset="utf-8"', 200],
    ['application/json;CHARSET=UTF-8', 200],
    ['application/json; x=y', 200],
    ['application/ld+json; profile="x;charset=latin1"', 200],
    ['application/json; x="a\\";charset=latin1"', 200],
    ['application/json; x="a";charset=latin1', 415],
    ['application/json; charset="utf-16', 415],
    ['application/cloudevents-batch+json', 200],
    ['model/gltf+json', 200],
    ['text/plain, x/y+json', 415],
  ])('answers the Content-Type %p with %p', async (type, status) => {
    const headers = type === undefined ? {} : { 'Content-Type': type };
    expect((await send(url, '/', { method: 'POST', headers, body: '[]' })).status).toBe(status);
  });

  test.each(['compress', 'zstd', 'gzip, gzip', '__proto__', 'constructor'])(
    'refuses the encoding %s',
    async (encoding) => {
      expect((await post('[]', { 'Content-Encoding': encoding })).status).toBe(415);
    },
  );

  test('refuses by Content-Length before a byte has come', async () => {
    const socket = await RawSocket.connect(url);
    socket.write(head(`Content-Length: ${MAX_BYTES + 1}`));
    await socket.until(({ statuses }) => statuses.length > 0);
    expect(socket.statuses).toEqual([413]);
    socket.destroy();
  });

  test('refuses a body without a length once it is too long', async () => {
    const socket = await RawSocket.connect(url);
    socket.write(head('Transfer-Encoding: chunked'));
    const chunk = `100\r\n${'x'.repeat(256)}\r\n`;
    for (let i = 0; i < 4; i++) socket.write(chunk);
    await socket.until(({ statuses }) => statuses.length > 0);
    expect(socket.statuses).toEqual([413]);
    socket.destroy();
  });

  test('refuses a body that becomes too long when it is decompressed', async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000));
    expect(errorOf(await post(bomb.subarray(0, 900), { 'Content-Encoding': 'gzip' }))).toEqual([
      413,
      `body must be at most ${MAX_BYTES} bytes`,
    ]);
  });

  test('decompresses nothing any more of what it has refused', async () => {
    const bomb = brotliCompressSync(Buffer.alloc(20_000_000));
    const steps = new Map<number, number>();
    const hook = createHook({
      init: (id, type) => void (type === 'ZLIB' && steps.set(id, 0)),
      before: (id) => void (steps.has(id) && steps.set(id, steps.get(id)! + 1)),
    }).enable();
    expect((await post(bomb, { 'Content-Encoding': 'br' })).status).toBe(413);
    // Another one that begins later, and would not be done any sooner.
    await once(Readable.from([bomb]).pipe(createBrotliDecompress()).resume(), 'end');
    hook.disable();
    const [ofTheRefused, ofTheWhole] = [...steps.values()];
    expect(ofTheRefused).toBeLessThan(ofTheWhole! / 10);
  });

  test('leaves nothing of a body with a connection that waits for its next request', async () => {
    const socket = await RawSocket.connect(url);
    socket.write(`${head('Content-Length: 5')}hello`);
    await socket.until(({ received }) => received.includes('hello'));
    await eventually(async () => {
      // Not in the turn that has just looked: what was looked at stays until its end.
      await delay(1);
      collectGarbage();
      return read.deref() === undefined;
    }, 'the body is gone');
    expect(socket.isEnded).toBe(false);
    socket.destroy();
  });

  test('goes on when a peer hangs up in the middle', async () => {
    const timers = activeTimers();
    const socket = await RawSocket.connect(url);
    socket.write(`${head('Content-Length: 100')}abc`);
    await until(() => reading === 1);
    socket.destroy();
    await until(() => reading === 0);
    // Nobody is waited for.
    expect(activeTimers()).toBe(timers);
    expect((await post('hello')).text).toBe('hello');
  });

  describe('with bodies of up to 40 MB', () => {
    const HALF = 40_000_000;

    beforeEach(async () => {
      server.close();
      await serve(HALF);
    });

    /** A body of which all but the last byte has been received. */
    async function unfinished(): Promise<RawSocket> {
      const socket = await RawSocket.connect(url);
      socket.write(head(`Content-Length: ${HALF}`));
      socket.write(Buffer.alloc(HALF - 1, 'x'));
      await until(() => socket.socket.writableLength === 0 && reading > 0);
      return socket;
    }

    test('receives at most 64 MiB at the same time, and again as much afterwards', async () => {
      // Whoever is refused gives back what it took, once.
      for (let round = 0; round < 3; round++) {
        const first = await unfinished();
        const second = await unfinished();
        await second.until(({ statuses }) => statuses.length > 0);
        expect(second.statuses).toEqual([503]);
        second.destroy();
        first.write('x');
        await first.until(({ statuses }) => statuses.length > 0);
        expect(first.statuses).toEqual([200]);
        first.destroy();
        await until(() => reading === 0);
      }
    });

    test('receives a body that is as long as is allowed, where that is more', async () => {
      server.close();
      await serve(80 * 1024 * 1024);
      expect((await post(Buffer.alloc(80 * 1024 * 1024, ' '))).status).toBe(200);
    });

    test('holds little more than the bytes of a body that comes byte by byte', async () => {
      const bytes = 'x'.repeat(200_000);
      const before = await memoryInUse();
      const socket = await RawSocket.connect(url);
      socket.write(head('Transfer-Encoding: chunked') + bytes.replaceAll('x', '1\r\nx\r\n'));
      await until(() => bodies.parts === bytes.length);
      expect((await memoryInUse()) - before).toBeLessThan(50 * bytes.length);
      socket.write('0\r\n\r\n');
      await socket.until(({ received }) => received.toString().endsWith(bytes));
      socket.destroy();
    });

    test('gives back what a body took whose peer is gone while it, having come whole, is decompressed', async () => {
      // More than the decoder takes in one go, and so much that it takes a while.
      const body = gzipSync(Buffer.concat([randomBytes(20_000), Buffer.alloc(30_000_000)]));
      for (let round = 0; round < 3; round++) {
        const { socket } = await RawSocket.connect(url);
        socket.write(head(`Content-Encoding: gzip\r\nContent-Length: ${body.length}`));
        socket.write(body);
        await until(() => reading === 1 && socket.writableLength === 0);
        socket.resetAndDestroy();
        await until(() => reading === 0);
      }
      expect((await post('hello')).text).toBe('hello');
    });

    test('gives back what a body took that broke off', async () => {
      for (let round = 0; round < 3; round++) {
        const socket = await unfinished();
        socket.destroy();
        await until(() => reading === 0);
      }
      expect((await post('hello')).text).toBe('hello');
    });
  });
});

function head(header: string): string {
  return `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${header}\r\n\r\n`;
}

function errorOf(answer: Answer): [number, string] {
  return [answer.status, (json(answer) as { message: string }).message];
}

function activeTimers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
}

async function until(condition: () => boolean): Promise<void> {
  await eventually(condition, condition.toString());
}
