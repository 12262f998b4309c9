import { Authenticator, type AdmittedUntil } from '../notifier/authenticator.js';

/** Everyone may subscribe to everything: what a server without configured authentication does, on loopback or because it was told to. */
export class OpenAuthenticator extends Authenticator {
  override readonly admitsEveryone = true;

  async authenticate(): Promise<AdmittedUntil> {
    return Infinity;
  }
}
