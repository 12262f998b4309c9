import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { WebSocketServer, type WebSocket } from 'ws';
import { Delivery, MAX_FRAME_BYTES } from '../notifier/delivery.js';
import { textFrame } from './frame.js';
import { SocketConnection } from './socket-connection.js';

const HEARTBEAT_MS = 10_000;

const HANDSHAKE =
  'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';

/** The frame of a close with code 1000: RFC 6455, section 5.5.1. */
const CLOSE_FRAME = Buffer.from([0x88, 0x02, 0x03, 0xe8]);

/** One whose frame passes, and one that has no room there. */
const TEXTS = [
  ['short', 'a short text'],
  ['long', 'x'.repeat(4 * MAX_FRAME_BYTES)],
] as const;

function delivery(text: string): Delivery {
  return new Delivery('plain', 'AAAAAAAA', [{ seq: 1, tag: 1, createdAt: 1, text }]);
}

describe('a connection over a WebSocket', () => {
  let server: WebSocketServer;
  let received: Promise<Buffer>;
  let ws: WebSocket;
  let socket: Socket;
  let connection: SocketConnection;

  beforeEach(async () => {
    server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
    received = buffer(client);
    client.write(HANDSHAKE);
    const [accepted, request] = (await once(server, 'connection')) as [WebSocket, IncomingMessage];
    [ws, socket] = [accepted, request.socket];
    connection = new SocketConnection(ws, socket, '127.0.0.1', HEARTBEAT_MS);
  });

  afterEach(() => {
    ws.terminate();
    server.close();
  });

  /** What the client got behind the answer to its handshake. */
  async function frames(): Promise<Buffer> {
    socket.end();
    const all = await received;
    return all.subarray(all.indexOf('\r\n\r\n') + 4);
  }

  test.each(TEXTS)('sends a delivery before a close: %s', async (_name, text) => {
    connection.send(delivery(text));
    ws.close(1000);
    expect((await frames()).equals(Buffer.concat([textFrame(`[${text}]`), CLOSE_FRAME]))).toBe(true);
  });

  test.each(TEXTS)('sends nothing behind a close: %s', async (_name, text) => {
    ws.close(1000);
    connection.send(delivery(text));
    expect((await frames()).equals(CLOSE_FRAME)).toBe(true);
  });
});
