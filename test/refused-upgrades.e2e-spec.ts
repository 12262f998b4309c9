import type { Server } from 'node:http';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { RawSocket } from './support/raw-socket.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { SECRET } from './support/tokens.js';
import { eventually } from './support/wait.js';

let running: RunningApp;

beforeEach(async () => {
  running = await startApp({ NOTIFIER_AUTH: 'none', HOST: '127.0.0.1', NOTIFIER_JWT_SECRET: SECRET });
});

afterEach(() => running.close());

function openSockets(): Promise<number> {
  const server: Server = running.app.getHttpServer();
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
  });
}

function handshake(path: string, header: string): string {
  return (
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${header}\r\n\r\n`
  );
}

test.each([
  ['/no/such/path', 'X: y', 404],
  ['/subscribe_to_events', 'Origin: https://evil.example', 403],
  ['/subscribe_to_events', 'Authorization: Bearer nonsense', 401],
])(
  'a peer that is refused at %s with %s and keeps its side open costs no socket',
  async (path, header, status) => {
    const sockets = await Promise.all(Array.from({ length: 5 }, () => RawSocket.connect(running.url)));
    for (const socket of sockets) {
      // Bytes behind the handshake must not cost the peer its answer.
      socket.write(handshake(path, header) + 'x'.repeat(100_000));
      await socket.ended();
      expect(socket.statuses).toEqual([status]);
      expect(socket.received.toString()).toMatch(/\}$/);
    }
    await eventually(async () => (await openSockets()) === 0, 'the server has let go of them');
    for (const socket of sockets) socket.destroy();
  },
);

const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';

test.each([
  ['GET', 'Sec-WebSocket-Version: 13', 400, 'Sec-WebSocket-Key must be'],
  ['GET', 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short', 400, 'Sec-WebSocket-Key must be'],
  ['GET', `Sec-WebSocket-Version: 12\r\n${KEY}`, 426, 'Sec-WebSocket-Version must be 13'],
  ['GET', KEY, 426, 'Sec-WebSocket-Version must be 13'],
  ['POST', `Sec-WebSocket-Version: 13\r\n${KEY}`, 405, 'a WebSocket begins with GET'],
])(
  'a handshake by %s with %s is answered as any other error is',
  async (method, headers, status, message) => {
    const socket = await RawSocket.connect(running.url);
    socket.write(
      `${method} /subscribe_to_events HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${headers}\r\n\r\n`,
    );
    await socket.ended();
    expect(socket.statuses).toEqual([status]);
    const [head, body] = socket.received.toString().split('\r\n\r\n');
    expect(JSON.parse(body!)).toMatchObject({ statusCode: status });
    expect(body).toContain(message);
    if (status === 426) expect(head).toContain('Sec-WebSocket-Version: 13');
    if (status === 405) expect(head).toContain('Allow: GET');
    socket.destroy();
  },
);

test.each([
  ['a handshake', handshake('/no/such/path', 'X: y')],
  [
    'a body',
    'POST /push_events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: 10000\r\n\r\n',
  ],
])('a peer that is refused %s and trickles on is cut', async (_what, head) => {
  // Nor is it for the time that a request may take.
  Object.assign(running.app.getHttpServer(), { requestTimeout: 0 });
  const socket = await RawSocket.connect(running.url);
  socket.write(head);
  const trickle = setInterval(() => socket.write('x'), 100);
  try {
    await eventually(async () => (await openSockets()) === 0, 'the server has let go of it');
  } finally {
    clearInterval(trickle);
  }
});
