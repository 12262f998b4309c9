import type { Close } from './close.js';

/** What a client showed to prove who it is. */
export interface Credentials {
  /** The user whose events it asks for. */
  readonly accessId: string;
  readonly token: string | undefined;
  /** The peer's address. */
  readonly address: string;
}

/** Until when a client may have what it asked for, Unix milliseconds; `Infinity` where that does not end by itself. */
export type AdmittedUntil = number;

/** Why a client may not have what it asks for. */
export class NotAdmittedError extends Error {
  override readonly name = 'NotAdmittedError';

  constructor(readonly close: Close) {
    super(close.detail ?? close.reason);
  }
}

/** PORT: who may subscribe to whose events. */
export abstract class Authenticator {
  /** Whether everyone may have everyone's events. */
  readonly admitsEveryone: boolean = false;

  /**
   * Resolves where the client may have the events of `credentials.accessId`, with the moment at which that ends.
   *
   * @throws NotAdmittedError
   */
  abstract authenticate(credentials: Credentials): Promise<AdmittedUntil>;

  /**
   * Looks at a token that came with the handshake, before anything is asked for. What can only be judged together with an
   * access id is judged by `authenticate`.
   *
   * @throws NotAdmittedError
   */
  async checkHandshake(_token: string): Promise<void> {}

  /**
   * The user that a token claims to be for, not verified: a subscription that names no user is registered under it before
   * anything is awaited, and then authenticated. `undefined` where tokens name nobody, and the client must.
   *
   * @throws NotAdmittedError where tokens name users and this one does not
   */
  claimedUser(_token: string | undefined): string | undefined {
    return undefined;
  }
}
