import type { Duplex } from 'node:stream';
import { describeError } from './error-description.js';

/** What some statuses come with. */
const HEADERS: Readonly<Record<number, string>> = {
  401: 'WWW-Authenticate: Bearer\r\n',
  405: 'Allow: GET\r\n',
  426: 'Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n',
  503: 'Retry-After: 1\r\n',
};

/** How long a peer may take to read its answer. Closing on what it still sends would reset the connection before it has. */
const LINGER_MS = 1000;

/** Ends a socket that has no HTTP response with an error in the form of every other. */
export function endWithAnswer(socket: Duplex, error: unknown): void {
  const description = describeError(error);
  const { statusCode } = description;
  const body = JSON.stringify(description);
  // Nobody else reads it, notices its end, or ends it.
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
  socket.resume();
  socket.end(
    `HTTP/1.1 ${statusCode} ${description.error}\r\n${HEADERS[statusCode] ?? ''}` +
      `Date: ${new Date().toUTCString()}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
