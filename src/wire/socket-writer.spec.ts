import { once } from 'node:events';
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, test } from '@jest/globals';
import { handleOf } from './socket-handle.js';
import { SocketWriter } from './socket-writer.js';

/** More than the buffers of both ends of a loopback connection hold. */
const TOO_MUCH = 32 * 1024 * 1024;

const CERTIFICATES = join(import.meta.dirname, '../../test/certificates');

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A connection, its server's end first. The client takes nothing until it is told to. */
async function connection(): Promise<[Socket, Socket]> {
  return accepted(createServer(), 'connection', (port) => connect(port, '127.0.0.1'));
}

async function accepted(
  server: Server,
  event: string,
  dial: (port: number) => Socket,
): Promise<[Socket, Socket]> {
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = dial(port);
  const [socket] = (await once(server, event)) as [Socket];
  return [socket, client.pause()];
}

/** Bytes of which each tells where it stands. */
function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i + 4 <= length; i += 4) bytes.writeUInt32LE((i + seed) >>> 0, i);
  return bytes;
}

describe('a writer', () => {
  test('gives the system what it takes at once, without the stream', async () => {
    const [socket, client] = await connection();
    const writer = new SocketWriter(socket);

    expect(writer.write(Buffer.from('one '))).toBe(true);
    expect(writer.write(Buffer.from('two'))).toBe(true);

    expect(writer.passedBytes).toBe(7);
    expect(socket.bytesWritten).toBe(0);
    expect(writer.bytesWritten).toBe(7);
    socket.end();
    expect(String(await buffer(client))).toBe('one two');
  });

  test('leaves what the system does not take to the stream, once and in order', async () => {
    const [socket, client] = await connection();
    const writer = new SocketWriter(socket);
    const parts = [pattern(TOO_MUCH, 1), pattern(1000, 2), pattern(1000, 3)];

    expect(writer.write(parts[0]!)).toBe(false);
    const passed = writer.passedBytes;
    expect(passed).toBeGreaterThan(0);
    expect(writer.write(parts[1]!)).toBe(false);
    socket.write(parts[2]!);

    expect(writer.passedBytes).toBe(passed);
    expect(writer.bytesWritten).toBe(TOO_MUCH + 2000);
    socket.end();
    expect((await buffer(client)).equals(Buffer.concat(parts))).toBe(true);
  });

  test('keeps of passing bytes what the system does not take, and only that', async () => {
    const [socket, client] = await connection();
    const writer = new SocketWriter(socket);
    const frames = [pattern(1000, 1), pattern(TOO_MUCH, 2), pattern(1000, 3)];
    const memory = Buffer.alloc(TOO_MUCH + 1);
    const kept: number[] = [];
    const taken = frames.map((frame, i) => {
      frame.copy(memory);
      const isTaken = writer.writePassing({
        bytes: memory,
        length: frame.length,
        kept: () => {
          kept.push(i);
          return Buffer.from(frame);
        },
      });
      memory.fill(0);
      return isTaken;
    });

    expect(taken).toEqual([true, false, false]);
    expect(kept).toEqual([1, 2]);
    expect(writer.bytesWritten).toBe(TOO_MUCH + 2000);
    socket.end();
    expect((await buffer(client)).equals(Buffer.concat(frames))).toBe(true);
  });

  test('waits behind what the stream was given', async () => {
    const [socket, client] = await connection();
    const writer = new SocketWriter(socket);
    socket.cork();
    socket.write('first ');
    expect(writer.write(Buffer.from('second'))).toBe(false);
    socket.uncork();
    socket.end();
    expect(String(await buffer(client))).toBe('first second');
  });

  test('goes past the stream again once nothing waits there', async () => {
    const [socket, client] = await connection();
    const writer = new SocketWriter(socket);
    writer.write(pattern(TOO_MUCH, 1));
    const passed = writer.passedBytes;
    let received = 0;
    client.on('data', (chunk: Buffer) => (received += chunk.length)).resume();
    await once(socket, 'drain');

    expect(writer.write(Buffer.from('more'))).toBe(true);
    expect(writer.passedBytes).toBe(passed + 4);
    socket.end();
    await once(client, 'end');
    expect(received).toBe(TOO_MUCH + 4);
  });

  test('goes through TLS', async () => {
    const identity = {
      cert: readFileSync(join(CERTIFICATES, 'first.cert.pem')),
      key: readFileSync(join(CERTIFICATES, 'first.key.pem')),
    };
    const [socket, client] = await accepted(createTlsServer(identity), 'secureConnection', (port) =>
      connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }),
    );
    const writer = new SocketWriter(socket);
    const received = buffer(client);
    writer.write(Buffer.from('secret'));
    socket.end();
    expect(String(await received)).toBe('secret');
    expect(writer.passedBytes).toBe(0);
  });

  test('leaves a peer that is gone to the stream, which notices', async () => {
    const [socket, client] = await connection();
    const writer = new SocketWriter(socket);
    const closed = new Promise<boolean>((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    client.resetAndDestroy();
    // Whoever writes to a peer that has reset the connection is told so: at once or at the next write.
    while (!socket.destroyed) {
      writer.write(Buffer.from('anybody there?'));
      await new Promise(setImmediate);
    }
    expect(await closed).toBe(true);
  });

  test('writes nothing to whom its descriptor belongs once the socket is destroyed', async () => {
    const [socket, client] = await connection();
    const writer = new SocketWriter(socket);
    const { fd } = handleOf(socket);
    socket.on('error', () => undefined);
    socket.destroy();
    await once(socket, 'close');
    const dir = mkdtempSync(join(tmpdir(), 'notifier-writer-'));
    const opened: number[] = [];
    try {
      // The system gives the lowest number that is free.
      while (opened.at(-1) !== fd && opened.length < 100) opened.push(openSync(join(dir, 'file'), 'w'));
      expect(opened).toContain(fd);
      writer.write(Buffer.from('not for a file'));
      expect(fstatSync(fd!).size).toBe(0);
    } finally {
      opened.forEach((each) => closeSync(each));
      rmSync(dir, { recursive: true });
      client.destroy();
    }
  });

  test('writes nothing behind the end of what its socket sends', async () => {
    const [socket, client] = await connection();
    const writer = new SocketWriter(socket);
    const error = once(socket, 'error');
    socket.end('the end');
    writer.write(Buffer.from(' and more'));
    expect(String(await buffer(client))).toBe('the end');
    expect(await error).toEqual([expect.objectContaining({ code: 'ERR_STREAM_WRITE_AFTER_END' })]);
  });
});
