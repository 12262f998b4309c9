import type { OnModuleDestroy } from '@nestjs/common';
import {
  Authenticator,
  NotAdmittedError,
  type AdmittedUntil,
  type Credentials,
} from '../notifier/authenticator.js';
import type { Close } from '../notifier/close.js';
import { accessIdFault } from '../notifier/event.js';
import type { TokenFacts, Tokens } from './tokens.js';

/** Whoever shows a signed token for a user may have that user's events until the token's end. */
export class JwtAuthenticator extends Authenticator implements OnModuleDestroy {
  constructor(private readonly tokens: Tokens) {
    super();
  }

  onModuleDestroy(): void {
    this.tokens.close();
  }

  async authenticate({ accessId, token }: Credentials): Promise<AdmittedUntil> {
    if (token === undefined) throw unauthorized('token is missing');
    const { user, until } = await this.tokens.verify(token);
    // Before the time: a token of somebody else is not one to be renewed.
    if (namedUser(user) !== accessId) throw unauthorized('token is not for this access_id');
    return current({ user, until });
  }

  override async checkHandshake(token: string): Promise<void> {
    const facts = await this.tokens.verify(token);
    namedUser(facts.user);
    current(facts);
  }

  override claimedUser(token: string | undefined): string {
    if (token === undefined) throw unauthorized('token is missing');
    return namedUser(this.tokens.claimedUser(token));
  }
}

function namedUser(user: unknown): string {
  if (accessIdFault(user)) throw unauthorized('token names no user');
  return user as string;
}

function current({ until }: TokenFacts): AdmittedUntil {
  if (until <= Date.now()) throw refused({ reason: 'token expired' });
  return until;
}

function unauthorized(detail: string): NotAdmittedError {
  return refused({ reason: 'unauthorized', detail });
}

function refused(close: Close): NotAdmittedError {
  return new NotAdmittedError(close);
}
