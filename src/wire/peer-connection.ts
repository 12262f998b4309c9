import type { Socket } from 'node:net';
import type { Close } from '../notifier/close.js';
import type { Member } from '../notifier/open-connections.js';
import { sendQueueOf } from './send-queue.js';
import { SocketWriter, type PassingBytes } from './socket-writer.js';

const NOTHING = Buffer.alloc(0);

/**
 * A connection over a TCP socket, whatever is written to it: when the socket is full, when it has room again, what that says about the peer, and
 * how it ends.
 */
export abstract class PeerConnection implements Member {
  lastSignOfLife = Date.now();
  ending: Close | undefined;
  isLost = false;

  private isFull = false;
  private showedLife = true;
  /** Bytes that the peer had taken when it was last looked at; unset since its last sign of life. */
  private takenBytes: number | undefined;
  protected readonly writer: SocketWriter;
  private farewell: (() => void) | undefined;

  constructor(
    protected readonly socket: Socket,
    readonly address: string,
    private readonly heartbeatMs: number,
  ) {
    this.writer = new SocketWriter(socket);
  }

  /** Whether it is closed or closing: what a client still says then is not listened to. */
  get hasEnded(): boolean {
    return this.ending !== undefined;
  }

  get hasRoom(): boolean {
    return !this.isFull;
  }

  /** Once a heartbeat. @returns whether the peer has shown since the last time that it lives, or may yet */
  takeSignOfLife(): boolean {
    const { showedLife } = this;
    this.showedLife = false;
    if (showedLife) {
      this.takenBytes = undefined;
      return true;
    }
    const { mayHoldUnread } = this;
    if (mayHoldUnread) void this.cutUnlessTaking();
    else this.isLost = true;
    return mayHoldUnread;
  }

  /** Whether something that was given to the socket may stand before what the peer would answer. */
  protected get mayHoldUnread(): boolean {
    return this.isFull;
  }

  /** What a silent peer takes shows that it lives. Two looks are needed to see it take something, a heartbeat apart. */
  private async cutUnlessTaking(): Promise<void> {
    const queue = await sendQueueOf(this.socket, () => this.writer.passedBytes);
    // Where the system does not tell now, it is asked again a heartbeat later.
    if (this.showedLife || !queue) return;
    const { taken, waiting } = queue;
    const hasTaken = this.takenBytes !== undefined && taken > this.takenBytes;
    const isFirstLook = this.takenBytes === undefined && waiting > 0;
    this.takenBytes = taken;
    if (hasTaken) this.lastSignOfLife = Date.now();
    else if (!isFirstLook) {
      this.isLost = true;
      this.terminate();
    }
  }

  /** A full socket has at most one heartbeat to make room for the farewell. */
  close(close: Close): void {
    this.ending ??= close;
    if (!this.isFull) return this.sayFarewell(close);
    const timer = setTimeout(() => this.terminate(), this.heartbeatMs);
    this.socket.once('close', () => clearTimeout(timer));
    this.farewell = () => {
      clearTimeout(timer);
      this.sayFarewell(close);
    };
  }

  abstract end(close: Close): void;

  abstract terminate(): void;

  /** Says why, and ends it. The socket has room. */
  protected abstract sayFarewell(close: Close): void;

  /** The socket has room again. */
  protected abstract goOn(): void;

  /** Notes that the peer lives. */
  protected noteLife(): void {
    this.showedLife = true;
    this.lastSignOfLife = Date.now();
  }

  /** Writes past whoever owns the socket: nothing of theirs may wait before it. */
  protected write(bytes: Buffer): void {
    this.wrote(this.writer.write(bytes));
  }

  /** As `write`. */
  protected writePassing(passing: PassingBytes): void {
    this.wrote(this.writer.writePassing(passing));
  }

  private wrote(hasRoom: boolean): void {
    if (hasRoom || this.isFull) return;
    this.isFull = true;
    // An empty write is done when all before it is: "drain" would not come for less than the high-water mark.
    this.socket.write(NOTHING, () => this.drained());
  }

  private drained(): void {
    this.isFull = false;
    // What waits for the stream alone has been taken by the system, and perhaps by nobody else.
    if (this.writer.asksSystem) this.noteLife();
    const { farewell } = this;
    this.farewell = undefined;
    farewell?.();
    this.goOn();
  }
}
