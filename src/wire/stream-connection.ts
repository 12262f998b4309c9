import type { Close } from '../notifier/close.js';
import type { Connection, Form, Subscribed } from '../notifier/connection.js';
import type { Delivery } from '../notifier/delivery.js';
import type { Subscription } from '../notifier/subscription.js';
import { PeerConnection } from './peer-connection.js';

/** A client's connection, whatever the events are written as. */
export abstract class StreamConnection extends PeerConnection implements Connection {
  abstract readonly form: Form;

  subscription: Subscription | undefined;

  abstract sendSubscribed(subscribed: Subscribed): void;

  abstract send(delivery: Delivery): void;

  abstract sendHeadReached(): void;

  abstract sendHeartbeat(): void;

  /** Ends it whether or not it has subscribed. */
  end(close: Close): void {
    if (this.subscription) this.subscription.close(close);
    else this.close(close);
  }

  protected goOn(): void {
    this.subscription?.pump();
  }
}
