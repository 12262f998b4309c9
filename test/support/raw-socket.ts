import { afterAll } from '@jest/globals';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Waiters } from './wait.js';

const STATUS_LINE = /HTTP\/1\.[01] (\d{3})/g;

const open = new Set<Socket>();

// What the server alone has ended is half open, and would keep the process of the tests.
afterAll(() => {
  for (const socket of open) socket.destroy();
});

/** A TCP connection for what no well-behaved client says. */
export class RawSocket {
  isEnded = false;
  isClosed = false;
  private readonly chunks: Buffer[] = [];
  private readonly waiters = new Waiters();

  private constructor(readonly socket: Socket) {
    open.add(socket);
    socket.on('data', (chunk: Buffer) => {
      this.chunks.push(chunk);
      this.waiters.changed();
    });
    socket.on('end', () => {
      this.isEnded = true;
      this.waiters.changed();
    });
    // The server may cut it while something is being written.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      open.delete(socket);
      this.isClosed = true;
      this.waiters.changed();
    });
  }

  static async connect(url: string): Promise<RawSocket> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true, allowHalfOpen: true });
    const raw = new RawSocket(socket);
    await once(socket, 'connect');
    return raw;
  }

  /** All bytes that have come. */
  get received(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** The status codes of the answers that have come, in order. Of use where no body looks like a status line. */
  get statuses(): number[] {
    return [...this.received.toString('latin1').matchAll(STATUS_LINE)].map((match) => Number(match[1]));
  }

  write(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  /** Says that nothing more will come; what the server says is still read. */
  end(): void {
    this.socket.end();
  }

  /** Takes nothing more from the socket. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Waits until `condition` is true; it is asked with everything that comes, and at the end. */
  until(condition: (socket: this) => boolean, deadlineMs?: number): Promise<void> {
    const describe = () =>
      `${condition.toString()} with ${this.received.length} bytes, ended: ${this.isEnded}`;
    return this.waiters.until(() => condition(this), describe, deadlineMs);
  }

  /** Waits until the server has ended or cut the connection. */
  ended(deadlineMs?: number): Promise<void> {
    return this.until(() => this.isEnded || this.isClosed, deadlineMs);
  }
}
