import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { handleOf } from './socket-handle.js';

const NO_DESCRIPTOR = -1;

/**
 * Writes to a socket: past Node's stream as long as nothing waits in it, and what the system does not take at once waits in the stream as ever
 * (`docs/decisions/0012`). Where only the stream knows what the peer is to get (TLS), or sockets are no descriptors, all goes through it.
 */
export class SocketWriter {
  private readonly fd: number;
  private passed = 0;

  constructor(private readonly socket: Socket) {
    const isEncrypted = (socket as Partial<TLSSocket>).encrypted === true;
    this.fd = (isEncrypted ? undefined : handleOf(socket).fd) ?? NO_DESCRIPTOR;
  }

  /** Bytes that the socket was given, ever. */
  get bytesWritten(): number {
    return this.socket.bytesWritten + this.passed;
  }

  /** Those that went past the stream, which does not count them. */
  get passedBytes(): number {
    return this.passed;
  }

  /** @returns whether the system has taken all of it, and of what the socket was given before */
  write(bytes: Buffer): boolean {
    const taken = this.writePast(bytes);
    this.passed += taken;
    if (taken === bytes.length) return true;
    this.socket.write(taken > 0 ? bytes.subarray(taken) : bytes);
    return this.socket.writableLength === 0;
  }

  private writePast(bytes: Buffer): number {
    // Once the socket is destroyed, the descriptor may be anybody's.
    if (this.fd < 0 || !this.socket.writable || this.socket.writableLength > 0) return 0;
    try {
      return writeSync(this.fd, bytes, 0, bytes.length, null);
    } catch {
      // The system has no room, or the peer is gone: the stream will find out, and knows what to do.
      return 0;
    }
  }
}
