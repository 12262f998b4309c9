import { Connectors, type Connector, type ConnectorCredentials } from '../notifier/connectors.js';
import { Allowance } from './allowance.js';

const ANYONE: Connector = { name: '', charge: () => undefined };

/** Everyone may push, drop and read: what a server without API keys does, on loopback or because it was told to. */
export class OpenConnectors extends Connectors {
  admit(): Connector {
    return ANYONE;
  }
}

/** Addresses that are remembered before those that have not pushed for a while are forgotten: 1 MB of them. */
const MAX_IDLE_ADDRESSES = 10_000;

/** Everyone may, and no address more than so many events a second. */
export class RateLimitedConnectors extends Connectors {
  private readonly allowances = new Map<string, Allowance>();
  private forgetAt = MAX_IDLE_ADDRESSES;

  constructor(private readonly eventsPerSecond: number) {
    super();
  }

  admit({ address }: ConnectorCredentials): Connector {
    return { name: '', charge: (events) => this.allowanceOf(address).take(events, performance.now()) };
  }

  private allowanceOf(address: string): Allowance {
    let allowance = this.allowances.get(address);
    if (!allowance) {
      if (this.allowances.size >= this.forgetAt) this.forgetFull(performance.now());
      this.allowances.set(address, (allowance = new Allowance(this.eventsPerSecond)));
    }
    return allowance;
  }

  /** A full bucket says nothing that a new one would not. Looked for only when their number has doubled. */
  private forgetFull(now: number): void {
    for (const [address, allowance] of this.allowances) {
      if (allowance.isFull(now)) this.allowances.delete(address);
    }
    this.forgetAt = Math.max(MAX_IDLE_ADDRESSES, this.allowances.size * 2);
  }
}
