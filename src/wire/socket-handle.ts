import type { Socket } from 'node:net';

/** What Node's handle of a socket knows of itself. */
export interface SocketHandle {
  /** The system's descriptor; negative or absent where there is none. */
  readonly fd?: number;
  /** Bytes that the handle was given. */
  readonly bytesWritten?: number;
  /** Bytes of these that the system has not taken. */
  readonly writeQueueSize?: number;
}

/** A socket's handle; empty once the socket is destroyed. */
export function handleOf(socket: Socket): SocketHandle {
  return (socket as { readonly _handle?: SocketHandle | null })._handle ?? {};
}
