import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Close } from '../notifier/close.js';
import type { Connection, Form, Subscribed } from '../notifier/connection.js';
import type { Delivery } from '../notifier/delivery.js';
import { byteString } from '../notifier/event.js';
import type { Member } from '../notifier/open-connections.js';
import type { Subscription } from '../notifier/subscription.js';
import { CLOSE_CODES } from '../wire/close-codes.js';
import { closeText } from './close-text.js';
import { FloodGuard } from './flood-guard.js';
import { frameOf, textFrame } from './frame.js';

const NOTHING = Buffer.alloc(0);
const EMPTY_ARRAY = textFrame('[]');

/** The part of Node's stream handle that tells how much of a write the kernel has not taken yet. */
interface WriteQueue {
  readonly _handle?: { readonly writeQueueSize?: number } | null;
}

/** A WebSocket client's connection. */
export class SocketConnection implements Connection, Member {
  form: Form = 'plain';
  subscription: Subscription | undefined;
  lastSignOfLife = Date.now();
  /** What the handshake showed, until the first message. */
  token: string | undefined;
  /** Whether it is closed or closing: what a client still says then is not listened to. */
  hasEnded = false;

  private isFull = false;
  private showedLife = true;
  /** Bytes that the kernel had not taken of a full socket at the last heartbeat. */
  private queuedBytes = 0;
  /** Whether something was sent since the last heartbeat. */
  private wasSilent = true;
  /** Whether an empty array can no longer be taken for the mark of the head. */
  private hasMarkedHead = false;
  private pendingPings = 0;
  private readonly flood = new FloodGuard();
  private closing: (() => void) | undefined;

  constructor(
    private readonly ws: WebSocket,
    private readonly socket: Socket,
    readonly address: string,
    private readonly heartbeatMs: number,
  ) {}

  get hasRoom(): boolean {
    return !this.isFull;
  }

  /** Notes that the peer lives. @returns whether it has said more than it may */
  hears(kind: 'message' | 'ping' | 'pong'): boolean {
    this.showedLife = true;
    this.lastSignOfLife = Date.now();
    if (kind === 'pong' && this.pendingPings > 0) {
      this.pendingPings--;
      return false;
    }
    return this.flood.count(this.lastSignOfLife);
  }

  takeSignOfLife(): boolean {
    const queued = (this.socket as WriteQueue)._handle?.writeQueueSize ?? 0;
    const hasTaken = this.isFull && queued < this.queuedBytes;
    if (hasTaken) this.lastSignOfLife = Date.now();
    const lives = this.showedLife || hasTaken;
    this.queuedBytes = queued;
    this.showedLife = false;
    return lives;
  }

  sendSubscribed(subscribed: Subscribed): void {
    if (this.form !== 'resumable') return;
    const { accessId, recovered, lastEventId, heartbeatSeconds, reconnectWithinMs } = subscribed;
    const message = {
      subscribed: {
        access_id: accessId,
        recovered,
        last_event_id: lastEventId,
        heartbeat: heartbeatSeconds,
        reconnect_within_ms: reconnectWithinMs,
      },
    };
    this.write(textFrame(byteString(JSON.stringify(message))));
  }

  send(delivery: Delivery): void {
    this.write(frameOf(delivery));
  }

  sendHeadReached(): void {
    if (this.form !== 'resumable') return;
    this.write(EMPTY_ARRAY);
    this.hasMarkedHead = true;
  }

  sendHeartbeat(): void {
    // What a full socket was given is still on its way: there is nothing a ping could add.
    if (this.isFull) return;
    this.pendingPings = 1;
    this.ws.ping();
    if (this.wasSilent && this.hasMarkedHead) this.write(EMPTY_ARRAY);
    this.wasSilent = true;
  }

  /** A full socket has at most one heartbeat to make room for the farewell. */
  close(close: Close): void {
    this.hasEnded = true;
    const sendClose = () => this.ws.close(CLOSE_CODES[close.reason], closeText(close));
    if (!this.isFull) return sendClose();
    const timer = setTimeout(() => this.terminate(), this.heartbeatMs);
    this.ws.once('close', () => clearTimeout(timer));
    this.closing = () => {
      clearTimeout(timer);
      sendClose();
    };
  }

  /** Ends it whether or not it has subscribed. */
  end(close: Close): void {
    if (this.subscription) this.subscription.close(close);
    else this.close(close);
  }

  terminate(): void {
    this.ws.terminate();
  }

  /** `ws` is not asked to send: no other sender of it waits, since messages are not compressed. */
  private write(frame: Buffer): void {
    // RFC 6455, section 5.5.1: no data follows a close, whichever side began it.
    if (this.ws.readyState !== this.ws.OPEN) return;
    this.wasSilent = false;
    this.socket.write(frame);
    if (this.socket.writableLength === 0 || this.isFull) return;
    this.isFull = true;
    this.queuedBytes = Infinity;
    // An empty write is done when all before it is: "drain" would not come for less than the high-water mark.
    this.socket.write(NOTHING, () => this.drained());
  }

  private drained(): void {
    this.isFull = false;
    this.showedLife = true;
    this.lastSignOfLife = Date.now();
    if (this.closing) this.closing();
    else this.subscription?.pump();
  }
}
