import { readFileSync } from 'node:fs';
import { bytesOf, type Bytes } from './bytes.js';
import { drop, event, pushed, send } from './http.js';
import { framesOf, TEXT, type RawFrame } from './raw-frames.js';
import { RawSocket } from './raw-socket.js';
import { RawWebSocket, type HandshakeHeaders } from './raw-websocket.js';

/** One hostile or malformed input and what must come of it. */
export interface BadInput {
  readonly id: string;
  readonly what: string;
  readonly group: string;
  /** What the server must be configured with; nothing where it is absent. */
  readonly needs?: 'connector-token' | 'jwt';
  /** Whether it is a matter of deadlines. */
  readonly slow?: boolean;
  readonly send: SentRequest | SentBytes | SentFrames;
  readonly expect: {
    /** Allowed statuses; null: none, the connection ends. */
    readonly status?: readonly (number | null)[];
    readonly body?: string;
    readonly handshake?: readonly number[];
    /** Allowed close codes; null: the connection stays open. */
    readonly close?: readonly number[] | null;
  };
}

interface SentRequest {
  readonly kind: 'request';
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>> | readonly (readonly [string, string])[];
  readonly body: Bytes | null;
}

interface SentBytes {
  readonly kind: 'raw';
  readonly bytes: Bytes;
  /** Ends the sending side after the bytes. */
  readonly end?: string;
}

interface SentFrames {
  readonly kind: 'ws';
  readonly path?: string;
  readonly headers?: HandshakeHeaders;
  /** A first message before the frames. */
  readonly first?: string;
  readonly frames?: readonly RawFrame[];
  /** Whether the frames are in one write with the handshake. */
  readonly early?: boolean;
  readonly end?: 'fin';
  /** Whether nothing is read while the flood is pushed. */
  readonly noread?: boolean;
  /** Megabytes to push to the subscriber. */
  readonly floodMB?: number;
  /** A user to drop after the frames. */
  readonly dropSelf?: string;
  /** So many sockets that upgrade and say nothing, before a normal one. */
  readonly idleWs?: number;
}

/** Every input of the catalogue, and those found on the way since. */
export const BAD_INPUTS = ['../bad-inputs.json', '../more-bad-inputs.json'].flatMap(
  (path) => JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as BadInput[],
);

/** What came of an input. */
export interface Outcome {
  /** All statuses of the connection, in order; one null where it ended without any. */
  readonly statuses: readonly (number | null)[];
  /** The body, where one request was sent and has one. */
  readonly text?: string;
  /** The close code; undefined where the connection stays open. */
  readonly close?: number | undefined;
  /** Data messages that a WebSocket got. */
  readonly texts?: readonly string[];
  readonly reasonBytes?: number;
}

/** Sends an input to the server at `url`, and waits for what must come of it. */
export function sendBadInput(url: string, { send: sent, expect }: BadInput): Promise<Outcome> {
  switch (sent.kind) {
    case 'request':
      return sendRequest(url, sent);
    case 'raw':
      return sendBytes(url, sent);
    case 'ws':
      return sendFrames(url, sent, expect.close);
  }
}

async function sendRequest(url: string, { method, path, headers, body }: SentRequest): Promise<Outcome> {
  const lines = Array.isArray(headers) ? (headers as [string, string][]) : Object.entries(headers);
  const { status, text } = await send(url, path, {
    method,
    headers: Object.fromEntries(lines),
    ...(body !== null && { body: bytesOf(body) }),
  });
  return { statuses: [status], ...(method !== 'HEAD' && { text }) };
}

async function sendBytes(url: string, { bytes, end }: SentBytes): Promise<Outcome> {
  const socket = await RawSocket.connect(url);
  const written = bytesOf(bytes);
  socket.write(written);
  if (end !== undefined) socket.end();
  const requests = Math.max(1, written.toString('latin1').split(' /push_events HTTP/1.1').length - 1);
  const isAnswered = () => finalStatuses(socket).length >= requests;
  await socket.until(({ isEnded, isClosed }) => isEnded || isClosed || isAnswered());
  const { statuses } = socket;
  socket.destroy();
  return { statuses: statuses.length > 0 ? statuses : [null] };
}

function finalStatuses({ statuses }: RawSocket): number[] {
  return statuses.filter((status) => status === 101 || status >= 200);
}

async function sendFrames(
  url: string,
  sent: SentFrames,
  close: BadInput['expect']['close'],
): Promise<Outcome> {
  const { path = '/subscribe_to_events', frames = [], idleWs = 0 } = sent;
  const idle = await Promise.all(Array.from({ length: idleWs }, () => RawWebSocket.open(url, path, {})));
  const early = sent.early ? framesOf(frames) : undefined;
  const socket = await RawWebSocket.open(url, path, sent.headers ?? {}, early);
  if (socket.status === 101 && close !== undefined) {
    if (!early) await speak(url, socket, sent);
    if (close) await socket.closed();
    else await hears(url, socket, accessIdOf(frames) ?? (await subscribe(socket)));
  }
  for (const each of idle)
    if ((await each.closed()) !== 4002) throw new Error('an idle socket was not told why');
  socket.destroy();
  return {
    statuses: [socket.status ?? null],
    close: socket.closeCode,
    texts: socket.texts,
    reasonBytes: socket.closeReason.length,
  };
}

async function speak(url: string, socket: RawWebSocket, sent: SentFrames): Promise<void> {
  if (sent.first !== undefined) {
    socket.write(framesOf([{ op: TEXT, data: sent.first }]));
    await hears(url, socket, accessIdOf([{ data: sent.first }])!);
  }
  socket.write(framesOf(sent.frames ?? []));
  if (sent.end === 'fin') socket.raw.end();
  if (sent.dropSelf !== undefined) await drop(url, sent.dropSelf);
  if (sent.floodMB === undefined) return;
  if (sent.noread) socket.raw.pause();
  await flood(url, accessIdOf([{ data: sent.first! }])!, sent.floodMB);
  socket.raw.resume();
}

/** Waits until the socket gets what is pushed to `accessId` now. */
async function hears(url: string, socket: RawWebSocket, accessId: string): Promise<void> {
  const mark = `heard ${Math.random()}`;
  await pushed(url, [event(accessId, 1, mark)]);
  await socket.raw.until(() => socket.texts.some((text) => text.includes(mark)));
}

async function subscribe(socket: RawWebSocket): Promise<string> {
  const first = { access_id: 'bad-w', timestamp: 0 };
  socket.write(framesOf([{ op: TEXT, data: JSON.stringify(first) }]));
  return first.access_id;
}

/** Whom the last of some messages subscribes to. */
function accessIdOf(messages: readonly { readonly data: Bytes }[]): string | undefined {
  const last = messages.at(-1);
  return last && (JSON.parse(bytesOf(last.data).toString()) as { access_id: string }).access_id;
}

/** Pushes so many megabytes, in bodies and events within the limits. */
async function flood(url: string, accessId: string, megabytes: number): Promise<void> {
  const body = JSON.stringify(Array.from({ length: 4 }, () => event(accessId, 1, 'x'.repeat(250_000))));
  for (let i = 0; i < megabytes; i++) await pushed(url, body);
}
