import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { describeError, headersOf } from './error-description.js';

/** How long a peer may take to read its answer. Closing on what it still sends would reset the connection before it has. */
const LINGER_MS = 1000;

/** How long answers to earlier requests of a connection may take, before it is cut without one more. */
const EARLIER_ANSWERS_MS = 5000;

/** Node's own name for what is being answered on a socket, the first in the order of the requests; it has no public one. */
interface Answering {
  readonly _httpMessage?: ServerResponse | null;
}

function current(socket: Socket & Answering): ServerResponse | undefined {
  return socket._httpMessage ?? undefined;
}

/** Whether an earlier request of the connection is still to be answered. */
export function owesAnswers(socket: Socket): boolean {
  return current(socket) !== undefined;
}

/** Ends a socket that has no HTTP response with an error in the form of every other, once the earlier requests of the connection are answered. */
export function endWithAnswer(socket: Socket, error: unknown): void {
  const timer = setTimeout(() => socket.destroy(), EARLIER_ANSWERS_MS);
  socket.once('close', () => clearTimeout(timer));
  endInTurn(socket, error);
}

function endInTurn(socket: Socket, error: unknown): void {
  const earlier = current(socket);
  if (!socket.writable) socket.destroy();
  // A whole request: it is not the one that is refused.
  else if (earlier?.req.complete) earlier.once('finish', () => setImmediate(endInTurn, socket, error));
  else if (earlier?.headersSent) socket.destroySoon();
  else end(socket, error);
}

function end(socket: Socket, error: unknown): void {
  const description = describeError(error);
  const { statusCode } = description;
  const body = JSON.stringify(description);
  // Nobody else reads it, notices its end, or ends it.
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
  socket.resume();
  socket.end(
    `HTTP/1.1 ${statusCode} ${description.error}\r\n${headerLines(error, statusCode)}` +
      `Date: ${new Date().toUTCString()}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** What has no response is a handshake, or was meant to become one. */
function headerLines(error: unknown, statusCode: number): string {
  const headers = { ...headersOf(error, statusCode), ...(statusCode === 405 ? { Allow: 'GET' } : {}) };
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}
