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
import { sendQueueOf } from './send-queue.js';

const NOTHING = Buffer.alloc(0);
const EMPTY_ARRAY = textFrame('[]');

/** What a live peer takes without reading it: its system's buffer is no smaller. What was given beyond that may be on its way. */
const UNREAD_BYTES = 16 * 1024;

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
  /** Bytes that the peer has certainly read: what stood before the ping that it answered last. */
  private readBytes = 0;
  /** Bytes that stand before the oldest ping that is not answered. */
  private pingedBytes = 0;
  /** Bytes that the peer had taken when it was last looked at; unset since its last sign of life. */
  private takenBytes: number | undefined;
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
      this.readBytes = this.pingedBytes;
      return false;
    }
    return this.flood.count(this.lastSignOfLife);
  }

  takeSignOfLife(): boolean {
    const { showedLife } = this;
    this.showedLife = false;
    if (showedLife) {
      this.takenBytes = undefined;
      return true;
    }
    const mayBeBusy = this.isFull || this.socket.bytesWritten - this.readBytes > UNREAD_BYTES;
    if (mayBeBusy) void this.cutUnlessTaking();
    return mayBeBusy;
  }

  /**
   * A slow reader answers a ping once it has read all that stands before it: until then, what it takes shows that it
   * lives. Two looks are needed to see it take something, a heartbeat apart.
   */
  private async cutUnlessTaking(): Promise<void> {
    const { taken, waiting } = await sendQueueOf(this.socket);
    if (this.showedLife) return;
    const hasTaken = this.takenBytes !== undefined && taken > this.takenBytes;
    const isFirstLook = this.takenBytes === undefined && waiting > 0;
    this.takenBytes = taken;
    if (hasTaken) this.lastSignOfLife = Date.now();
    else if (!isFirstLook) this.terminate();
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
    if (this.pendingPings === 0) this.pingedBytes = this.socket.bytesWritten;
    // A slow reader answers all of them at once.
    this.pendingPings++;
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
    this.wasSilent = false;
    this.socket.write(frame);
    if (this.socket.writableLength === 0 || this.isFull) return;
    this.isFull = true;
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
