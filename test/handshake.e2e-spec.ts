import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Figures } from './support/figures.js';
import { event, get, json, push, pushed, send } from './support/http.js';
import { RawSocket } from './support/raw-socket.js';
import { SocketClient, type Refusal } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';

const FIRST = { access_id: 'a', timestamp: 0 };

function expectRefused(refusal: Refusal, status: number, message: string): void {
  expect(refusal.status).toBe(status);
  expect(json(refusal)).toEqual({ statusCode: status, error: expect.any(String), message });
}

const KEY = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

describe('a handshake', () => {
  let running: RunningApp;

  beforeAll(async () => {
    running = await startApp({ NOTIFIER_ALLOWED_ORIGINS: 'https://app.example' });
  });

  afterAll(() => running.close());

  test.each([
    ['of an older version', '/subscribe_to_events HTTP/1.1', 8, 426],
    ['in HTTP/1.0', '/subscribe_to_events HTTP/1.0', 13, 400],
    ['for a whole URL', 'ws://localhost/subscribe_to_events?x HTTP/1.1', 13, 101],
    ['for a whole URL without a path', 'ws://localhost HTTP/1.1', 13, 404],
  ])('%s is answered as it should be', async (_, line, version, status) => {
    const socket = await RawSocket.connect(running.url);
    socket.write(`GET ${line}\r\nHost: localhost\r\n${KEY}Sec-WebSocket-Version: ${version}\r\n\r\n`);
    await socket.until(({ statuses }) => statuses.length > 0);
    expect(socket.statuses).toEqual([status]);
    socket.destroy();
  });

  test('for an unknown path is answered with 404', async () => {
    expectRefused(await SocketClient.refusal(`${running.url}/nope`), 404, 'no such path');
    expectRefused(await SocketClient.refusal(`${running.url}/constructor`), 404, 'no such path');
  });

  test('from a page of another origin is answered with 403', async () => {
    const refusal = await SocketClient.refusal(running.url, { origin: 'https://evil.example' });
    expectRefused(refusal, 403, 'Origin is not allowed');
  });

  test('from an allowed page, and from no page, is upgraded', async () => {
    for (const options of [{ origin: 'https://app.example' }, {}]) {
      const client = await SocketClient.subscribe(running.url, FIRST, options);
      await pushed(running.url, [event('a', 1, 'x')]);
      await client.untilEvents(1);
      await client.close();
    }
  });

  test.each(['GET', 'POST'])('%s to another protocol than websocket is answered with 426', async (method) => {
    const socket = await RawSocket.connect(running.url);
    const headers = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk';
    const body = method === 'POST' ? 'Content-Type: application/json\r\nContent-Length: 2\r\n\r\n[]' : '\r\n';
    socket.write(`${method} /push_events HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n${body}`);
    await socket.ended();
    expect(socket.received.toString()).toMatch(/^HTTP\/1\.1 426 Upgrade Required\r\nUpgrade: websocket\r\n/);
    socket.destroy();
  });

  test('that is none is answered with 426 where subscribers connect', async () => {
    const { status, headers } = await get(running.url, '/subscribe_to_events');
    expect([status, headers.upgrade, headers.connection]).toEqual([426, 'websocket', 'Upgrade']);
  });

  test('leaves nobody behind when the peer is gone before it is answered', async () => {
    const socket = await RawSocket.connect(running.url);
    socket.write(
      'GET /subscribe_to_events HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
    );
    socket.socket.resetAndDestroy();
    expect((await get(running.url, '/health/live')).status).toBe(200);
  });
});

describe('an open server on loopback', () => {
  let running: RunningApp;

  beforeAll(async () => {
    running = await startApp();
  });

  afterAll(() => running.close());

  test.each([
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.1',
    '[::2]',
    'localhost@evil.example',
  ])('answers nothing to a request for the host %p', async (host) => {
    const headers = { Host: host };
    expect((await get(running.url, '/clients', headers)).status).toBe(403);
    expect((await push(running.url, [], headers)).status).toBe(403);
    expect((await send(running.url, '/push_events/', { method: 'POST', headers })).status).toBe(403);
    expect((await SocketClient.refusal(running.url, { headers })).status).toBe(403);
  });

  test('counts each of them', async () => {
    const own = await startApp();
    const headers = { Host: 'evil.example' };
    await get(own.url, '/clients', headers);
    await push(own.url, [], headers);
    await SocketClient.refusal(own.url, { headers });
    expect((await Figures.of(own.url)).value('notifier_errors_answered_total{status="403"}')).toBe(3);
    await own.close();
  });

  test.each(['localhost', 'LOCALHOST:8080', '127.0.0.1', '127.1.2.3:1', '[::1]:8080'])(
    'answers a request for the host %s',
    async (host) => {
      expect((await push(running.url, [], { Host: host })).text).toBe('true');
      const client = await SocketClient.connect(running.url, { headers: { Host: host } });
      await client.close();
    },
  );

  test.each(['POST /push_events HTTP/1.0\r\n', 'POST /push_events HTTP/1.1\r\nHost:\r\n'])(
    'answers nothing to a request that names no host',
    async (start) => {
      const socket = await RawSocket.connect(running.url);
      socket.write(`${start}Content-Type: application/json\r\nContent-Length: 2\r\n\r\n[]`);
      await socket.until(({ statuses }) => statuses.length > 0);
      expect(socket.statuses).toEqual([403]);
      socket.destroy();
    },
  );

  test('answers any host where it is meant to be open', async () => {
    const open = await startApp({ NOTIFIER_AUTH: 'none', HOST: '127.0.0.1' });
    expect((await push(open.url, [], { Host: 'app.example' })).text).toBe('true');
    await open.close();
  });
});
