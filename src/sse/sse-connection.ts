import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Close } from '../notifier/close.js';
import type { Form, Subscribed } from '../notifier/connection.js';
import type { Delivery } from '../notifier/delivery.js';
import { byteString } from '../notifier/event.js';
import { CLOSE_CODES } from '../wire/close-codes.js';
import { closeText } from '../wire/close-text.js';
import { StreamConnection } from '../wire/stream-connection.js';
import { subscribedText } from '../wire/subscribed.js';
import { COMMENT, messagesOf, namedMessage } from './event-stream.js';
import { isRefusal, RefusedError } from './refusals.js';

const HEADERS = {
  'Content-Type': 'text/event-stream',
  // A stream is nobody's to keep, and no proxy's to change or to hold back (X-Accel-Buffering is nginx's).
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
  // The stream ends with the connection. Without chunks what is written is what is sent, the same bytes for all who share them.
  Connection: 'close',
};

/** How long a client may take for what was sent before the end, before it is cut. As long as `ws` gives for a close. */
const FAREWELL_MS = 3000;

/** A client's connection over the body of an HTTP response. */
export class SseConnection extends StreamConnection {
  readonly form: Form = 'sse';

  /** Resolves when the stream has begun. Rejects, with a `RefusedError`, where it never will. */
  readonly begun: Promise<void>;
  hasBegun = false;
  private resolveBegun!: () => void;
  private refuse!: (error: RefusedError) => void;

  constructor(
    private readonly response: ServerResponse,
    socket: Socket,
    address: string,
    heartbeatMs: number,
    /** Whether the client named a position, and so wants to be told where it begins. */
    private readonly isResumable: boolean,
  ) {
    super(socket, address, heartbeatMs);
    this.begun = new Promise((resolve, reject) => {
      this.resolveBegun = resolve;
      this.refuse = reject;
    });
  }

  /** The client of a stream has no way to say anything: that it takes what it is sent is all it shows. */
  override takeSignOfLife(): boolean {
    if (this.hasRoom) this.noteLife();
    return super.takeSignOfLife();
  }

  /** The id makes the position the last event id of a browser's `EventSource`, which then comes back with it. */
  sendSubscribed(subscribed: Subscribed): void {
    this.begin();
    if (!this.isResumable) return;
    const fields = { event: 'subscribed', id: subscribed.lastEventId };
    this.write(namedMessage(fields, subscribedText(subscribed)));
  }

  send(delivery: Delivery): void {
    this.write(messagesOf(delivery));
  }

  /** The head is not marked: `EventSource` would make an event of it. */
  sendHeadReached(): void {}

  sendHeartbeat(): void {
    if (this.hasRoom && this.hasBegun) this.write(COMMENT);
  }

  terminate(): void {
    this.socket.destroy();
  }

  protected sayFarewell(close: Close): void {
    if (!this.hasBegun && isRefusal(close)) return this.refuse(new RefusedError(close));
    this.begin();
    const { retryAfterMs } = close;
    const data = JSON.stringify({ code: CLOSE_CODES[close.reason], reason: closeText(close) });
    const retry = retryAfterMs === undefined ? {} : { retry: String(retryAfterMs) };
    this.write(namedMessage({ event: 'close', ...retry }, byteString(data)));
    this.response.end();
    const timer = setTimeout(() => this.terminate(), FAREWELL_MS);
    this.socket.once('close', () => clearTimeout(timer));
  }

  private begin(): void {
    if (this.hasBegun) return;
    this.hasBegun = true;
    this.response.useChunkedEncodingByDefault = false;
    this.response.writeHead(200, HEADERS);
    this.response.flushHeaders();
    this.resolveBegun();
  }
}
