import { request, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http';
import { text } from 'node:stream/consumers';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** The form of every error. */
export interface ErrorAnswer {
  readonly statusCode: number;
  readonly error: string;
  readonly message: string;
}

export interface Sent {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
}

/** An event as a connector pushes it. */
export interface PushedBody {
  readonly accessid: string;
  readonly created_at: number;
  readonly payload: unknown;
}

const JSON_HEADERS = { 'Content-Type': 'application/json' };

/**
 * Sends one request over a connection of the shared pool.
 *
 * @param path as it is to stand on the request line: nothing of it is normalised
 */
export function send(
  url: string,
  path: string,
  { method = 'GET', headers = {}, body }: Sent = {},
): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, path, method, headers }, (response) => {
      const { statusCode: status = 0, headers: received } = response;
      text(response).then((content) => resolve({ status, headers: received, text: content }), reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

/** Pushes events; a string or bytes are the body as they stand. */
export function push(
  url: string,
  events: readonly PushedBody[] | string | Buffer,
  headers: OutgoingHttpHeaders = {},
): Promise<Answer> {
  const body = typeof events === 'string' || Buffer.isBuffer(events) ? events : JSON.stringify(events);
  return send(url, '/push_events', { method: 'POST', headers: { ...JSON_HEADERS, ...headers }, body });
}

/** Pushes events and throws unless they were stored. */
export async function pushed(url: string, events: readonly PushedBody[] | string | Buffer): Promise<void> {
  const answer = await push(url, events);
  if (answer.status !== 200 || answer.text !== 'true') {
    throw new Error(`a push was answered ${answer.status}: ${answer.text}`);
  }
}

/** One event as a push has it. */
export function event(accessId: string, createdAt: number, payload: unknown): PushedBody {
  return { accessid: accessId, created_at: createdAt, payload };
}

export function drop(url: string, accessId: string, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
  const body = JSON.stringify({ drop_access_id: accessId });
  return send(url, '/drop_user', { method: 'POST', headers: { ...JSON_HEADERS, ...headers }, body });
}

export function get(url: string, path: string, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
  return send(url, path, { headers });
}

/** The body of an answer, parsed. */
export function json(answer: Answer): unknown {
  return JSON.parse(answer.text);
}
