import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import type { Close } from '../notifier/close.js';
import type { Member } from '../notifier/open-connections.js';
import { describeError } from '../wire/error-description.js';
import { byteString } from '../notifier/event.js';
import { CLOSE_CODES } from '../wire/close-codes.js';
import { closeText } from '../wire/close-text.js';
import { SocketWriter } from '../wire/socket-writer.js';
import { textFrame } from './frame.js';

/** Messages that may wait for their answers before no more is read. */
const MAX_UNANSWERED = 64;

const TRUE = textFrame('true');

/** A connector's connection: every message gets one answer, in the order of the messages. */
export class PushConnection implements Member {
  ending: Close | undefined;

  /** The answers in order; those still to come are `undefined`. */
  private answers: (Buffer | undefined)[] = [];
  /** The number of the message that `answers[0]` answers. */
  private first = 0;
  private isFlushing = false;
  private isPaused = false;
  private showedLife = true;
  private readonly writer: SocketWriter;

  constructor(
    private readonly ws: WebSocket,
    private readonly socket: Socket,
    readonly address: string,
  ) {
    this.writer = new SocketWriter(socket);
  }

  /** Answers a message once `work` is done: `true`, or the error. */
  answerAfter(work: () => Promise<void>): void {
    const number = this.first + this.answers.push(undefined) - 1;
    if (this.answers.length >= MAX_UNANSWERED && !this.isPaused) this.pause();
    work().then(
      () => this.answer(number, TRUE),
      (error: unknown) => this.answer(number, textFrame(byteString(JSON.stringify(describeError(error))))),
    );
  }

  /** Notes that the peer lives. */
  hears(): void {
    this.showedLife = true;
  }

  /** Once a heartbeat. */
  beat(): void {
    // A connection that is not read, or does not take its answers, cannot be asked.
    if (!this.showedLife && !this.isPaused && this.socket.writableLength === 0) return this.terminate();
    this.showedLife = false;
    this.ws.ping();
  }

  end(close: Close): void {
    this.ending ??= close;
    this.ws.close(CLOSE_CODES[close.reason], closeText(close));
  }

  terminate(): void {
    this.ws.terminate();
  }

  private pause(): void {
    this.isPaused = true;
    this.ws.pause();
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
      this.writer.write(ready.length === 1 ? ready[0]! : Buffer.concat(ready));
    }
    if (this.isPaused && this.answers.length < MAX_UNANSWERED) {
      this.isPaused = false;
      this.ws.resume();
    }
  }
}
