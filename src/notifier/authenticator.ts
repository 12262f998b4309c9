import type { Close } from './close.js';

/** What a client showed to prove who it is. */
export interface Credentials {
  /** The user whose events it asks for. */
  readonly accessId: string;
  readonly token: string | undefined;
  /** The peer's address. */
  readonly address: string;
}

/** Why a client may not have what it asks for. */
export class NotAdmittedError extends Error {
  override readonly name = 'NotAdmittedError';

  constructor(readonly close: Close) {
    super(close.detail ?? close.reason);
  }
}

/** PORT: who may subscribe to whose events. */
export abstract class Authenticator {
  /**
   * Resolves where the client may have the events of `credentials.accessId`.
   *
   * @throws NotAdmittedError
   */
  abstract authenticate(credentials: Credentials): Promise<void>;
}
