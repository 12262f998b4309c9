import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Close } from '../notifier/close.js';
import type { Form, Subscribed } from '../notifier/connection.js';
import type { Delivery } from '../notifier/delivery.js';
import { CLOSE_CODES } from '../wire/close-codes.js';
import { closeText } from '../wire/close-text.js';
import { StreamConnection } from '../wire/stream-connection.js';
import { subscribedText } from '../wire/subscribed.js';
import { FloodGuard } from './flood-guard.js';
import { frameOf, passingFrame, textFrame } from './frame.js';

const EMPTY_ARRAY = textFrame('[]');

/** What a live peer takes without reading it: its system's buffer is no smaller. What was given beyond that may be on its way. */
const UNREAD_BYTES = 16 * 1024;

/** A WebSocket client's connection. `ws` is not asked to send: no other sender of it waits, since messages are not compressed. */
export class SocketConnection extends StreamConnection {
  form: Form = 'plain';
  /** What the handshake showed, until the first message. */
  token: string | undefined;

  /** Bytes that the peer has certainly read: what stood before the ping that it answered last. */
  private readBytes = 0;
  /** Bytes that stand before the oldest ping that is not answered. */
  private pingedBytes = 0;
  /** Whether an empty array can no longer be taken for the mark of the head. */
  private hasMarkedHead = false;
  private pendingPings = 0;
  private readonly flood = new FloodGuard();

  constructor(
    private readonly ws: WebSocket,
    socket: Socket,
    address: string,
    heartbeatMs: number,
  ) {
    super(socket, address, heartbeatMs);
  }

  /** Notes that the peer lives. @returns whether it has said more than it may */
  hears(kind: 'message' | 'ping' | 'pong'): boolean {
    this.noteLife();
    if (kind === 'pong' && this.pendingPings > 0) {
      this.pendingPings--;
      this.readBytes = this.pingedBytes;
      return false;
    }
    return this.flood.count(performance.now());
  }

  /** A slow reader answers a ping once it has read all that stands before it. */
  protected override get mayHoldUnread(): boolean {
    return super.mayHoldUnread || this.writer.bytesWritten - this.readBytes > UNREAD_BYTES;
  }

  sendSubscribed(subscribed: Subscribed): void {
    if (this.form === 'resumable') this.write(textFrame(subscribedText(subscribed)));
  }

  send(delivery: Delivery): void {
    const passing = delivery.encoded ? undefined : passingFrame(delivery);
    if (!passing) this.write(frameOf(delivery));
    else if (this.isOpen) this.writePassing(passing);
  }

  sendHeadReached(): void {
    if (this.form !== 'resumable') return;
    this.write(EMPTY_ARRAY);
    this.hasMarkedHead = true;
  }

  sendHeartbeat(): void {
    // What a full socket was given is still on its way: there is nothing a ping could add.
    if (!this.hasRoom) return;
    if (this.pendingPings === 0) this.pingedBytes = this.writer.bytesWritten;
    // A slow reader answers all of them at once.
    this.pendingPings++;
    this.ws.ping();
    // Never sooner than a heartbeat after anything else, and so after up to two: to note times would cost every frame.
    if (this.wasSilent && this.hasMarkedHead) this.write(EMPTY_ARRAY);
    this.wasSilent = true;
  }

  terminate(): void {
    this.ws.terminate();
  }

  protected sayFarewell(close: Close): void {
    this.ws.close(CLOSE_CODES[close.reason], closeText(close));
  }

  protected override write(frame: Buffer): void {
    if (this.isOpen) super.write(frame);
  }

  /** RFC 6455, section 5.5.1: no data follows a close, whichever side began it. */
  private get isOpen(): boolean {
    return this.ws.readyState === this.ws.OPEN;
  }
}
