import { createHash, timingSafeEqual } from 'node:crypto';
import {
  ConnectorRefusedError,
  Connectors,
  type Connector,
  type ConnectorCredentials,
  type Scope,
} from '../notifier/connectors.js';
import { Allowance } from './allowance.js';

/** A connector's key as it is configured. */
export interface ApiKey {
  readonly name: string;
  /** SHA-256 of the key. */
  readonly digest: Buffer;
  readonly scopes: ReadonlySet<Scope>;
}

/** Connectors that show one of the configured keys. */
export class ApiKeys extends Connectors {
  private readonly connectors: readonly KeyedConnector[];

  /** @param eventsPerSecond what each key may push; `undefined`: any rate */
  constructor(keys: readonly ApiKey[], eventsPerSecond: number | undefined) {
    super();
    this.connectors = keys.map((key) => new KeyedConnector(key, eventsPerSecond));
  }

  admit({ apiKey }: ConnectorCredentials, scope: Scope): Connector {
    if (apiKey === undefined) throw new ConnectorRefusedError('unknown', 'an API key is missing');
    const connector = this.withKey(apiKey);
    if (!connector) throw new ConnectorRefusedError('unknown', 'the API key is not known');
    if (!connector.scopes.has(scope)) {
      throw new ConnectorRefusedError('forbidden', `the API key may not ${scope}`);
    }
    return connector;
  }

  /** Every key is compared whole: how long that takes tells nothing. */
  private withKey(apiKey: string): KeyedConnector | undefined {
    const digest = digestOf(apiKey);
    let found: KeyedConnector | undefined;
    for (const connector of this.connectors) {
      if (timingSafeEqual(connector.digest, digest)) found = connector;
    }
    return found;
  }
}

class KeyedConnector implements Connector {
  readonly name: string;
  readonly digest: Buffer;
  readonly scopes: ReadonlySet<Scope>;
  private readonly allowance: Allowance | undefined;

  constructor({ name, digest, scopes }: ApiKey, eventsPerSecond: number | undefined) {
    this.name = name;
    this.digest = digest;
    this.scopes = scopes;
    this.allowance = eventsPerSecond === undefined ? undefined : new Allowance(eventsPerSecond);
  }

  charge(events: number): void {
    this.allowance?.take(events, performance.now());
  }
}

/** SHA-256 of a key: what a configuration holds that others may read. */
export function digestOf(apiKey: string): Buffer {
  return createHash('sha256').update(apiKey).digest();
}
