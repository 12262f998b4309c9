import type { Close } from './close.js';
import type { Delivery } from './delivery.js';

/** How a client wants its events: the plain array, the resumable one with ids, or server-sent events. */
export type Form = 'plain' | 'resumable' | 'sse';

/** What a resumable subscriber is told first. */
export interface Subscribed {
  readonly accessId: string;
  readonly recovered: boolean;
  /** The position just before the first event that the connection will get. */
  readonly lastEventId: string;
  readonly heartbeatSeconds: number;
  /** The window over which the client spreads its first reconnect. */
  readonly reconnectWithinMs: number;
}

/**
 * PORT: what the core needs of a client's connection, whatever it runs over.
 *
 * A connection calls `Subscription.resume()` when a full socket has room again, and `Subscription.end()` when
 * it is gone.
 */
export abstract class Connection {
  abstract readonly form: Form;

  /** The peer's address, for people. */
  abstract readonly address: string;

  /** False from the moment that the socket did not take all it was given, until it has. */
  abstract readonly hasRoom: boolean;

  /** Whether the peer has shown a sign of life since this was last asked, or the connection has yet to find out and ends itself if not. */
  abstract takeSignOfLife(): boolean;

  /** When the peer last showed a sign of life, Unix milliseconds; of a stream, when its socket last had room at a heartbeat. */
  abstract readonly lastSignOfLife: number;

  abstract sendSubscribed(subscribed: Subscribed): void;

  abstract send(delivery: Delivery): void;

  /** Says that all that was there at the start has been sent. */
  abstract sendHeadReached(): void;

  /** Asks the peer for a sign of life, and shows it one. */
  abstract sendHeartbeat(): void;

  /** Says why and ends it; what is not taken in time is cut. Nothing is sent after it. */
  abstract close(close: Close): void;

  /** Ends it at once, without a word. */
  abstract terminate(): void;
}
