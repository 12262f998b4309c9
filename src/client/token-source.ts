import { platform } from './platform.js';

/** A credential, or where to get one. */
export type TokenOption = string | (() => string | Promise<string>);

/** Of a token's life, what is left when it is renewed. */
const RENEWAL_SHARE = 0.2;

/** Where less of it is left already, as of a token that the application keeps for as long as it can: of what is left, when to ask again. */
const REMAINDER_SHARE = 0.5;

/** Nothing is renewed faster than this, however short its life. */
const MIN_RENEWAL_MS = 1000;

/** The subscription's token: kept until it nears its end or is refused. */
export class TokenSource {
  /** When to get a new one, Unix milliseconds; never where the token does not say when it ends. */
  renewAt = Infinity;
  #token: string | undefined;
  readonly #source: TokenOption | undefined;

  constructor(source: TokenOption | undefined) {
    this.#source = source;
  }

  /** Whether there are other tokens than the one that there is. */
  get isRenewable(): boolean {
    return typeof this.#source === 'function';
  }

  /** The token, a new one where the last is about to end. Rejects with whatever the application's function throws. */
  async get(): Promise<string | undefined> {
    if (typeof this.#source !== 'function') return this.#source;
    if (this.#token === undefined || Date.now() >= this.renewAt) {
      this.#token = await this.#source();
      this.renewAt = renewalTime(this.#token);
    }
    return this.#token;
  }

  /** The server does not take it any more. */
  forget(): void {
    this.#token = undefined;
  }
}

function renewalTime(token: string): number {
  const now = Date.now();
  const { exp, iat } = claimsOf(token);
  if (!exp) return Infinity;
  const left = exp * 1000 - now;
  const life = iat ? (exp - iat) * 1000 : left;
  // A new token that seems to be over, or to live longer than it was made for: this clock is wrong.
  const trusted = left > 0 && left < life ? left : life;
  if (!(trusted > 0)) return Infinity;
  return now + Math.max(MIN_RENEWAL_MS, trusted - life * RENEWAL_SHARE, trusted * REMAINDER_SHARE);
}

/** The claims of a JWT (RFC 7519); none where it is something else. They are believed for when to renew it, nothing more. */
function claimsOf(token: string): { readonly exp?: number; readonly iat?: number } {
  try {
    const claims = token.split('.')[1]!.replace(/-/g, '+').replace(/_/g, '/');
    return JSON.parse(platform.atob(claims)) as { exp?: number; iat?: number };
  } catch {
    return {};
  }
}
