import type { Close } from '../notifier/close.js';
import type { Connection, Form, Subscribed } from '../notifier/connection.js';
import type { Delivery } from '../notifier/delivery.js';
import type { Subscription } from '../notifier/subscription.js';
import { PeerConnection } from './peer-connection.js';
import type { PassingBytes } from './socket-writer.js';

/** A client's connection, whatever the events are written as. */
export abstract class StreamConnection extends PeerConnection implements Connection {
  abstract readonly form: Form;

  subscription: Subscription | undefined;

  /** Whether something was sent since the last heartbeat. */
  protected wasSilent = true;

  abstract sendSubscribed(subscribed: Subscribed): void;

  abstract send(delivery: Delivery): void;

  abstract sendHeadReached(): void;

  abstract sendHeartbeat(): void;

  /** Ends it whether or not it has subscribed. */
  end(close: Close): void {
    if (this.subscription) this.subscription.close(close);
    else this.close(close);
  }

  protected override write(bytes: Buffer): void {
    this.wasSilent = false;
    super.write(bytes);
  }

  protected override writePassing(passing: PassingBytes): void {
    this.wasSilent = false;
    super.writePassing(passing);
  }

  protected goOn(): void {
    this.subscription?.pump();
  }
}
