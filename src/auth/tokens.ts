import { decodeJwt, errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from 'jose';
import { NotAdmittedError } from '../notifier/authenticator.js';
import { KeySetUnavailableError } from './key-set.js';
import type { TokenKeys } from './token-keys.js';

/** What a token must be. */
export interface TokenRules {
  readonly issuer: string | undefined;
  readonly audience: string | undefined;
  /** The claim that names the user. */
  readonly claim: string;
  /** What clocks may differ by. */
  readonly toleranceMs: number;
}

/** What a token that is right says. */
export interface TokenFacts {
  readonly user: unknown;
  /** When it ends, the tolerance included, Unix milliseconds. */
  readonly until: number;
}

/** In seconds the year 5138, in milliseconds 1973: what is beyond counts milliseconds, and would end in 55,000 years. */
const MAX_EXP = 1e11;

/** Whether an `exp` counts seconds, as RFC 7519 has it. `1e999` is a number in JSON, too. */
export function isExpiry(exp: unknown): exp is number {
  return typeof exp === 'number' && Math.abs(exp) <= MAX_EXP;
}

/** Verifies JWTs (RFC 7519, RFC 8725). */
export class Tokens {
  private readonly options: JWTVerifyOptions;

  constructor(
    private readonly keys: TokenKeys,
    private readonly rules: TokenRules,
  ) {
    const { issuer, audience, toleranceMs } = rules;
    this.options = {
      algorithms: [...keys.algorithms],
      requiredClaims: ['exp'],
      clockTolerance: toleranceMs / 1000,
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
    };
  }

  /**
   * What a token says that is right, but perhaps for its time: whoever compares `until` with the clock can tell a client that its
   * token is its own and too old.
   *
   * @throws NotAdmittedError
   */
  async verify(token: string): Promise<TokenFacts> {
    try {
      return this.factsOf(await this.payloadOf(token));
    } catch (error) {
      throw new NotAdmittedError(
        error instanceof KeySetUnavailableError
          ? { reason: 'try again later', detail: 'the keys of tokens cannot be fetched' }
          : { reason: 'unauthorized', detail: faultOf(error) },
      );
    }
  }

  close(): void {
    this.keys.close();
  }

  /** Whom a token claims to be for. Nothing of it is verified. */
  claimedUser(token: string): unknown {
    try {
      return this.userOf(decodeJwt(token));
    } catch {
      return undefined;
    }
  }

  private async payloadOf(token: string): Promise<JWTPayload> {
    try {
      return (await this.keys.verify((key) => jwtVerify(token, key, this.options))).payload;
    } catch (error) {
      // jose looks at the time last: all else about this token is right.
      if (error instanceof errors.JWTExpired && error.claim === 'exp') return error.payload;
      throw error;
    }
  }

  private factsOf(payload: JWTPayload): TokenFacts {
    const { exp } = payload;
    if (!isExpiry(exp))
      throw new errors.JWTClaimValidationFailed('exp is too large', payload, 'exp', 'invalid');
    return { user: this.userOf(payload), until: exp * 1000 + this.rules.toleranceMs };
  }

  private userOf(payload: JWTPayload): unknown {
    return Object.hasOwn(payload, this.rules.claim) ? payload[this.rules.claim] : undefined;
  }
}

/** What is wrong with a token, in words of our own. Whatever else fails in the hands of hostile input, it is not valid. */
function faultOf(error: unknown): string {
  if (!(error instanceof errors.JWTClaimValidationFailed)) return 'token is not valid';
  if (error.reason === 'missing') return `${error.claim} is required in the token`;
  if (error.claim === 'exp') return 'exp of the token must be a number of seconds';
  if (error.reason === 'invalid') return `${error.claim} of the token must be a number of seconds`;
  if (error.claim === 'nbf') return 'token is not valid yet';
  return error.claim === 'iss' || error.claim === 'aud'
    ? `${error.claim} of the token is not accepted here`
    : 'token is not valid';
}
