import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { describeError, headersOf } from '../wire/error-description.js';
import { SocketWriter } from '../wire/socket-writer.js';

const TRUE_HEADERS = ['Content-Type', 'application/json', 'Content-Length', '4'];

/** Pushes that are done, and not answered yet. */
let done: ServerResponse[] = [];

/**
 * `200 true`, at the end of this turn of the event loop: behind the frames of the events, and all answers of the turn in one go. A peer that is woken
 * for one of them is awake for the others, where each alone would wake it anew: 41 µs a push instead of 47, and a 99th percentile of 0.8 ms instead of
 * 2.9 (median of seven interleaved pairs, eight connectors).
 */
export function answerTrue(response: ServerResponse): void {
  if (done.push(response) === 1) setImmediate(answerDone);
}

function answerDone(): void {
  const responses = done;
  done = [];
  for (const response of responses) writeTrue(response);
}

/**
 * Ready-made where the connection goes on: Node puts the same headers together anew for each response and writes twice (a push of one event: 22 µs
 * of a bare server with it, 18 with this).
 */
function writeTrue(response: ServerResponse): void {
  const { socket } = response;
  // Without a socket, an earlier request of the connection is still to be answered.
  if (socket && response.shouldKeepAlive && !socket.destroyed) {
    new SocketWriter(socket).write(readyAnswer());
    // What Node's server waits for before it takes the connection's next request.
    response.emit('finish');
    return;
  }
  response.writeHead(200, TRUE_HEADERS);
  response.end('true');
}

let answer = Buffer.alloc(0);
let answerSecond = 0;

/** RFC 9110, section 6.6.1: with the second of its making. */
function readyAnswer(): Buffer {
  const second = Math.floor(Date.now() / 1000);
  if (second !== answerSecond) {
    answerSecond = second;
    answer = Buffer.from(
      'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 4\r\n' +
        `Date: ${new Date(second * 1000).toUTCString()}\r\nConnection: keep-alive\r\nKeep-Alive: timeout=65\r\n\r\ntrue`,
    );
  }
  return answer;
}

/** Connections that have been told that they end: what they had sent before they knew must not be done. */
const toldToClose = new WeakSet<Socket>();

/** RFC 9112, section 9.6: what comes behind a request that was answered with `Connection: close` is not looked at, nor what is answered already. */
export function isToldToClose(socket: Socket): boolean {
  return toldToClose.has(socket) || !socket.writable;
}

/** The one form in which errors leave: status, its name, and a message that never quotes the client. */
export function answerError(response: ServerResponse, error: unknown, headers = {}): void {
  // Also where the peer is gone.
  if (response.headersSent || response.req.socket.destroyed) return void response.destroy();
  const description = describeError(error);
  const { statusCode } = description;
  const body = JSON.stringify(description);
  const isUnread = hasUnreadBody(response.req);
  response.writeHead(statusCode, {
    ...headersOf(error, statusCode),
    // What was set for this one answer wins.
    ...response.getHeaders(),
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    // What the client has not sent yet is not waited for.
    ...(isUnread ? { Connection: 'close' } : {}),
    ...headers,
  });
  if (!isUnread) return void response.end(body);
  toldToClose.add(response.req.socket);
  endOnceHeard(response, body);
}

function hasUnreadBody({ complete, headers }: IncomingMessage): boolean {
  return !complete && (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined);
}

/** Linger: closing on unread bytes would reset the connection before the client has read the answer. */
const LINGER_MS = 1000;

function endOnceHeard(response: ServerResponse, body: string): void {
  const { req } = response;
  response.write(body);
  const end = () => response.end();
  const timer = setTimeout(end, LINGER_MS);
  req.once('close', () => clearTimeout(timer));
  req.once('end', end);
  req.resume();
}
