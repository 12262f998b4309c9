import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Close } from '../notifier/close.js';
import { byteString } from '../notifier/event.js';
import type { BodiesInTheMaking } from '../wire/bodies-in-the-making.js';
import { CLOSE_CODES } from '../wire/close-codes.js';
import { closeText } from '../wire/close-text.js';
import { describeError } from '../wire/error-description.js';
import { PeerConnection } from '../wire/peer-connection.js';
import { textFrame } from './frame.js';

/** Messages that may wait for their answers before no more is read. */
const MAX_UNANSWERED = 64;

/** How long a peer of which nothing more is read may take to hear why. */
const LINGER_MS = 1000;

/** RFC 6455, section 5.2: of a control frame from a client. */
const MASKED_HEADER_BYTES = 6;

const TRUE = textFrame('true');

/** A connector's connection: every message gets one answer, in the order of the messages. */
export class PushConnection extends PeerConnection {
  /** The answers in order; those still to come are `undefined`. */
  private answers: (Buffer | undefined)[] = [];
  /** The number of the message that `answers[0]` answers. */
  private first = 0;
  private isFlushing = false;
  private isPaused = false;
  /** What ws would do at once, once everything is answered. */
  private pendingClose: (() => void) | undefined;
  /** Bytes of the message that is not whole yet. */
  private receiving = 0;
  /** Whether that message was not whole at the last heartbeat either. */
  private isLate = false;
  /** Whether no more is read of that message, of which something is held until the connection is gone. */
  private isGivenUp = false;

  constructor(
    private readonly ws: WebSocket,
    socket: Socket,
    address: string,
    heartbeatMs: number,
    private readonly bodies: BodiesInTheMaking,
  ) {
    super(socket, address, heartbeatMs);
    this.answersBeforeClose();
    this.answersBeforeEnd();
  }

  /** Answers a message once `work` is done: `true`, or the error. */
  answerAfter(work: () => Promise<void>): void {
    const number = this.first + this.answers.push(undefined) - 1;
    this.readOrWait();
    work().then(
      () => this.answer(number, TRUE),
      (error: unknown) => this.answer(number, textFrame(byteString(JSON.stringify(describeError(error))))),
    );
  }

  /** Bytes have come, of messages or of control frames. */
  receives(bytes: number): void {
    this.noteLife();
    // Behind a close, and behind what cannot be read, ws throws away what comes.
    if (this.pendingClose || this.ws.readyState !== this.ws.OPEN) return;
    this.receiving += bytes;
    this.bodies.take(bytes);
  }

  /** All that was whole in what has come is dealt with; what remains is the beginning of a message. */
  waitsForRest(): void {
    if (this.receiving > 0 && this.bodies.areTooMany) this.giveUp('too many requests are being received');
  }

  /** A message is whole, or will never be. */
  hasReceived(): void {
    this.bodies.giveBack(this.receiving);
    this.receiving = 0;
    this.isLate = false;
  }

  /** A control frame has come: it is no part of a message. */
  hasHeard(payloadBytes: number): void {
    const bytes = Math.min(MASKED_HEADER_BYTES + payloadBytes, this.receiving);
    this.bodies.giveBack(bytes);
    this.receiving -= bytes;
  }

  /** Once a heartbeat. */
  beat(): void {
    // Whoever waits for the store is not read, or has said all it will, and cannot be asked.
    if (this.answers.length >= MAX_UNANSWERED || this.pendingClose) return;
    if (this.isLate) return this.giveUp('a message was not whole after a heartbeat');
    this.isLate = this.receiving > 0 && this.hasRoom;
    if (!this.takeSignOfLife()) this.terminate();
    else this.ws.ping();
  }

  /** What it has pushed until now is answered first: a connector that is not told would push it again. */
  end(close: Close): void {
    if (this.hasEnded) return;
    this.ending = close;
    if (this.answers.length === 0) this.close(close);
  }

  terminate(): void {
    this.ws.terminate();
  }

  protected sayFarewell(close: Close): void {
    this.ws.close(CLOSE_CODES[close.reason], closeText(close));
    if (!this.isGivenUp) return;
    const timer = setTimeout(() => this.terminate(), LINGER_MS);
    this.socket.once('close', () => clearTimeout(timer));
  }

  protected goOn(): void {
    this.readOrWait();
  }

  /**
   * ws answers a close, and refuses what it cannot read, at once. What was pushed before is answered first: a connector that is not told
   * would push it again.
   */
  private answersBeforeClose(): void {
    const { ws } = this;
    const close = ws.close.bind(ws);
    ws.close = (code, reason) => {
      if (this.answers.length === 0) close(code, reason);
      else this.pendingClose ??= () => close(code, reason);
    };
  }

  /** ws ends the socket, too, as soon as the peer has said that nothing more will come. */
  private answersBeforeEnd(): void {
    const { socket } = this;
    const enders = socket.listeners('end') as (() => void)[];
    socket.removeAllListeners('end');
    socket.once('end', () => {
      // Of a socket that is gone meanwhile ws knows nothing any more.
      const end = () => {
        if (!socket.destroyed) enders.forEach((ender) => ender.call(socket));
      };
      if (this.answers.length === 0) end();
      else this.pendingClose ??= end;
    });
  }

  private giveUp(detail: string): void {
    if (this.isGivenUp) return;
    this.isGivenUp = true;
    this.readOrWait();
    this.end({ reason: 'try again later', detail });
  }

  /** Nothing more is read of a peer that does not take its answers, or has many still to come. */
  private readOrWait(): void {
    const mustWait = this.isGivenUp || !this.hasRoom || this.answers.length >= MAX_UNANSWERED;
    if (mustWait === this.isPaused) return;
    this.isPaused = mustWait;
    if (mustWait) this.ws.pause();
    else this.ws.resume();
  }

  private answer(number: number, frame: Buffer): void {
    this.answers[number - this.first] = frame;
    if (this.isFlushing) return;
    this.isFlushing = true;
    // What one turn of the event loop answers leaves in one write.
    setImmediate(() => this.flush());
  }

  private flush(): void {
    this.isFlushing = false;
    const open = this.answers.indexOf(undefined);
    const ready = this.answers.splice(0, open < 0 ? this.answers.length : open) as Buffer[];
    this.first += ready.length;
    if (ready.length > 0 && this.ws.readyState === this.ws.OPEN) {
      this.write(ready.length === 1 ? ready[0]! : Buffer.concat(ready));
    }
    this.readOrWait();
    if (this.answers.length > 0) return;
    const { pendingClose } = this;
    this.pendingClose = undefined;
    if (pendingClose) pendingClose();
    else if (this.ending) this.close(this.ending);
  }
}
