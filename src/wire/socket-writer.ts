import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { handleOf } from './socket-handle.js';

const NO_DESCRIPTOR = -1;

/** Bytes in memory that others are written to next. */
export interface PassingBytes {
  readonly bytes: Buffer;
  /** How many of `bytes` they are. */
  readonly length: number;
  /** The same bytes in memory that stays. */
  kept(): Buffer;
}

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

  /** Whether the system itself is asked to take something. If not, the stream says of everything that it waits. */
  get asksSystem(): boolean {
    return this.fd >= 0;
  }

  /** Bytes that the socket was given, ever. */
  get bytesWritten(): number {
    return this.socket.bytesWritten + this.passed;
  }

  /** Those that went past the stream, which does not count them. */
  get passedBytes(): number {
    return this.passed;
  }

  /** @returns whether there is room for more: the system has taken all that the socket was given, or, where it is not asked, the stream does not have too much */
  write(bytes: Buffer): boolean {
    const taken = this.pass(bytes, bytes.length);
    return taken === bytes.length || this.leave(bytes, taken);
  }

  /** As `write`. They are kept only if the system does not take them at once. */
  writePassing(passing: PassingBytes): boolean {
    const taken = this.pass(passing.bytes, passing.length);
    return taken === passing.length || this.leave(passing.kept(), taken);
  }

  /** @returns how many of the bytes the system has taken */
  private pass(bytes: Buffer, length: number): number {
    // Once the socket is destroyed, the descriptor may be anybody's.
    if (this.fd < 0 || !this.socket.writable || this.socket.writableLength > 0) return 0;
    try {
      const taken = writeSync(this.fd, bytes, 0, length, null);
      this.passed += taken;
      return taken;
    } catch {
      // The system has no room, or the peer is gone: the stream will find out, and knows what to do.
      return 0;
    }
  }

  /** Leaves what the system has not taken to the stream. */
  private leave(bytes: Buffer, taken: number): boolean {
    this.socket.write(taken > 0 ? bytes.subarray(taken) : bytes);
    return this.asksSystem ? this.socket.writableLength === 0 : !this.socket.writableNeedDrain;
  }
}
