import type { Close } from '../../src/notifier/close.js';
import type { Connection, Form, Subscribed } from '../../src/notifier/connection.js';
import type { Delivery } from '../../src/notifier/delivery.js';
import { formatPosition } from '../../src/notifier/position.js';

/** A client's connection without a socket: it remembers what the core gave it. */
export class FakeConnection implements Connection {
  readonly address = '192.0.2.1';
  readonly lastSignOfLife = 0;
  hasRoom = true;
  isAlive = true;
  isTerminated = false;
  closed: Close | undefined;
  subscribed: Subscribed | undefined;
  heartbeats = 0;
  headMarks = 0;
  readonly deliveries: Delivery[] = [];
  /** Called with each delivery: a socket may fill up with it. */
  onDelivery: () => void = () => undefined;

  constructor(readonly form: Form = 'resumable') {}

  /** The events' texts, as they were pushed. */
  get texts(): string[] {
    return this.deliveries.flatMap(({ events }) => events.map(({ text }) => text));
  }

  /** The id of the newest event that it was given. */
  get lastId(): string | undefined {
    const last = this.deliveries.at(-1);
    return last && formatPosition(last.end);
  }

  takeSignOfLife(): boolean {
    return this.isAlive;
  }

  sendSubscribed(subscribed: Subscribed): void {
    this.subscribed = subscribed;
  }

  send(delivery: Delivery): void {
    this.deliveries.push(delivery);
    this.onDelivery();
  }

  sendHeadReached(): void {
    this.headMarks++;
  }

  sendHeartbeat(): void {
    this.heartbeats++;
  }

  close(close: Close): void {
    this.closed ??= close;
  }

  terminate(): void {
    this.isTerminated = true;
  }
}
