/** What a connector may do: push events, drop users, read who is connected and how the server is doing. */
export type Scope = 'push' | 'drop' | 'read';

export const SCOPES: readonly Scope[] = ['push', 'drop', 'read'];

/** What a connector showed with its request. */
export interface ConnectorCredentials {
  readonly apiKey: string | undefined;
  /** The peer's address. */
  readonly address: string;
}

/** A back end that may do what it asks for. */
export interface Connector {
  /** For logs, metrics and its own space of idempotency keys; empty where connectors are not told apart. */
  readonly name: string;

  /**
   * Takes a push off what the connector may push.
   *
   * @throws RateExceededError, and then nothing was taken
   */
  charge(events: number): void;
}

/** The connector may not do it. */
export class ConnectorRefusedError extends Error {
  override readonly name = 'ConnectorRefusedError';

  constructor(
    /** `unknown`: nobody that this server knows. `forbidden`: known, and not allowed to do this. */
    readonly kind: 'unknown' | 'forbidden',
    message: string,
  ) {
    super(message);
  }
}

/** The connector pushes more than it may. */
export class RateExceededError extends Error {
  override readonly name = 'RateExceededError';

  constructor(
    /** Whole seconds after which the same push is taken; at least 1. */
    readonly retryAfterSeconds: number,
  ) {
    super(`more events a second than allowed, try again in ${retryAfterSeconds} s`);
  }
}

/** PORT: which back ends may push, drop and read. */
export abstract class Connectors {
  /**
   * The connector that shows `credentials`, if it may do `scope`. Cheap: it is asked for every push.
   *
   * @throws ConnectorRefusedError
   */
  abstract admit(credentials: ConnectorCredentials, scope: Scope): Connector;
}
