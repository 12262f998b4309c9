import type { CloseReason } from './close.js';
import type { Form } from './connection.js';
import type { Delivery } from './delivery.js';
import type { Arrival, Push } from './event.js';
import type { AppendResult } from './event-log.js';
import type { DurationCounts } from './quantile.js';

/** What was measured, in the form in which a monitoring system reads it. */
export interface Report {
  readonly contentType: string;
  readonly text: string;
}

/** What was counted since the process began, as far as its history goes into it. It does not change any more. */
export interface Tally {
  readonly eventsPushed: number;
  readonly eventsDelivered: number;
  /** From the arrival of a push to the moment at which a socket was given its events, one a frame. */
  readonly latency: DurationCounts;
}

/**
 * PORT: what is counted of this node's work, for operators.
 *
 * Every method is called on the way of events and must be cheap: at most 0.3 µs for all that a push calls, 0.1 µs for a delivery. None
 * ever throws, and none is told for whom an event is.
 */
export abstract class Metrics {
  /** A push has come, whole, and has not been looked at. */
  abstract arrive(): Arrival;

  /** A push was refused: invalid, too large, or over the rate. */
  abstract refused(arrival: Arrival): void;

  /** A request, a handshake or a message over a push WebSocket was answered with an error. @param status of HTTP */
  abstract answeredError(status: number): void;

  /** The store has answered an append. @param ms how long it took */
  abstract appended(push: Push, result: AppendResult, ms: number): void;

  /** The store could not take an append: it may or may not be stored. */
  abstract appendFailed(push: Push): void;

  /** The store has given a page of a log. @param ms how long it took */
  abstract read(ms: number): void;

  abstract readFailed(): void;

  /** A connection's first message has arrived. */
  abstract subscribed(form: Form): void;

  abstract unsubscribed(form: Form): void;

  /** A subscription has begun where events that were asked for may be gone. */
  abstract declaredGap(form: Form): void;

  /** A socket was given a frame of events. */
  abstract delivered(delivery: Delivery): void;

  /** What was delivered came out of the log and not as it was announced: replay, catching up, repair. */
  abstract replayed(delivery: Delivery): void;

  /** A socket did not take all it was given: its reader is slower than its events, for now. */
  abstract filled(): void;

  /** So many cursors were compared with their logs. `behind`: an announcement never came, and the cursor reads on from the log. */
  abstract checked(standing: 'current' | 'behind' | 'gone', cursors: number): void;

  /** A peer has shown no sign of life for a heartbeat, and was cut. */
  abstract lost(): void;

  /** A connection is gone. @param reason why this server ended it; `undefined` where it did not */
  abstract closed(reason: CloseReason | undefined): void;

  /** Cheap: it is asked every second. */
  abstract tally(): Tally;

  abstract report(): Promise<Report>;

  /** Sends what waits to be sent. */
  abstract close(): Promise<void>;
}
