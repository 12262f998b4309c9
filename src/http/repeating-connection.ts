import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { KnownHead } from './known-head.js';
import { RepetitionReader, type Handler, type Owner } from './repetition-reader.js';

const connections = new WeakMap<Socket, RepeatingConnection>();

/**
 * A connection whose requests may begin alike, as those of a connector do that pushes all the time. They are then read without Node's parser and what Node
 * sets up around a request: a push of one event takes 0.84 of the time with the memory store, 0.92 with LMDB (`docs/decisions/0015`).
 */
export class RepeatingConnection implements Owner {
  private reader: RepetitionReader | undefined;
  private answers = 0;
  private repetitions = 0;
  private surprises = 0;

  private constructor(private readonly socket: Socket) {}

  static of(socket: Socket): RepeatingConnection {
    let connection = connections.get(socket);
    if (!connection) connections.set(socket, (connection = new RepeatingConnection(socket)));
    return connection;
  }

  /**
   * Takes note of a request that Node's parser has read, before it is answered.
   *
   * @param handler where its like go
   */
  note(request: IncomingMessage, response: ServerResponse, handler: Handler): void {
    if (this.reader) this.reader.parsed(request, response);
    else response.once('finish', () => this.answered(request, handler));
  }

  repeated(): void {
    this.repetitions++;
  }

  surprised(): void {
    this.surprises++;
    this.reader = undefined;
  }

  private answered(request: IncomingMessage, handler: Handler): void {
    // One is no habit, and whoever has surprised more often than not has none.
    if (this.reader || ++this.answers < 2 || this.surprises > this.repetitions) return;
    const head = KnownHead.of(request);
    this.reader = head && RepetitionReader.takeOver(this.socket, head, handler, this);
  }
}
