import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Delivery } from '../notifier/delivery.js';
import { SseConnection } from './sse-connection.js';

const HEARTBEAT_MS = 3_600_000;

/** More than the systems of both ends hold. */
const MUCH = Buffer.alloc(64 * 1024 * 1024, ':\n\n');

const LARGE = new Delivery('sse', 'AAAAAAAA', [
  { seq: 1, tag: 1, createdAt: 1, text: 'x'.repeat(MUCH.length) },
]);

const START = {
  accessId: 'a',
  recovered: true,
  lastEventId: 'x',
  heartbeatSeconds: 30,
  reconnectWithinMs: 1,
};

describe('a connection over server-sent events', () => {
  let server: Server;
  let client: Socket;
  let socket: Socket;
  let connection: SseConnection;

  beforeEach(async () => {
    server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    client.on('error', () => undefined);
    client.pause();
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const [request, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse];
    ({ socket } = request);
    connection = new SseConnection(response, socket, '127.0.0.1', HEARTBEAT_MS, true);
  });

  afterEach(() => {
    client.destroy();
    server.close();
  });

  test('sends nothing before its stream has begun, nothing that a proxy would keep, and no chunks', async () => {
    connection.sendHeartbeat();
    connection.sendSubscribed(START);
    connection.sendHeartbeat();
    connection.end({ reason: 'dropped' });
    const [head = '', body] = (await text(client)).split(/\r\n\r\n(.*)/s);
    expect(body).toMatch(/^event: subscribed\n[^:]*: [^\n]*\n[^\n]*\n\n:\n\nevent: close\n/);
    expect(head.split('\r\n')).toEqual(
      expect.arrayContaining([
        'HTTP/1.1 200 OK',
        'Content-Type: text/event-stream',
        'Cache-Control: no-store, no-transform',
        'X-Accel-Buffering: no',
        'Connection: close',
      ]),
    );
    expect(head).not.toContain('Transfer-Encoding');
  });

  test('adds no sign of life to what waits for its client', () => {
    connection.sendSubscribed(START);
    connection.send(LARGE);
    expect(connection.hasRoom).toBe(false);
    const waiting = socket.writableLength;
    connection.sendHeartbeat();
    expect(socket.writableLength).toBe(waiting);
  });

  test('that has ended is cut where its client does not take the farewell', async () => {
    connection.sendSubscribed(START);
    socket.write(MUCH);
    expect(connection.hasRoom).toBe(true);
    connection.end({ reason: 'dropped' });
    await once(socket, 'close');
    expect(client.destroyed).toBe(false);
  });
});
