import { createPublicKey, type KeyObject } from 'node:crypto';
import type { CryptoKey, JWTVerifyGetKey, JWTVerifyResult } from 'jose';

/** Verifies a token with a key, or with whatever key a set has for it. */
export type Verify = (key: CryptoKey | KeyObject | Uint8Array | JWTVerifyGetKey) => Promise<JWTVerifyResult>;

/**
 * What signatures of tokens are checked with. The algorithms are those of the configured keys and never the token's choice (RFC 8725,
 * section 3.1): a public key taken for a secret would let anyone sign.
 */
export interface TokenKeys {
  readonly algorithms: readonly string[];
  verify(verify: Verify): Promise<JWTVerifyResult>;
  close(): void;
}

/** One key for all tokens. */
export class OneKey implements TokenKeys {
  private constructor(
    private readonly key: KeyObject | Uint8Array,
    readonly algorithms: readonly string[],
  ) {}

  static secret(secret: string): OneKey {
    return new OneKey(Buffer.from(secret), ['HS256']);
  }

  /** @throws TypeError saying what the key must be, worded to follow the setting's name */
  static publicKey(pem: string): OneKey {
    if (pem.includes('PRIVATE KEY')) throw new TypeError('must hold a public key, and holds a private one');
    const key = parsed(pem);
    return new OneKey(key, algorithmsOf(key));
  }

  verify(verify: Verify): Promise<JWTVerifyResult> {
    return verify(this.key);
  }

  close(): void {}
}

function parsed(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch {
    throw new TypeError('must hold a public key or a certificate in PEM');
  }
}

/** RFC 7518, section 3.3: smaller RSA keys must not be used. */
const MIN_RSA_BITS = 2048;

function algorithmsOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string[] {
  if (type === 'rsa' && details!.modulusLength! < MIN_RSA_BITS) {
    throw new TypeError(`must hold an RSA key of at least ${MIN_RSA_BITS} bits`);
  }
  if (type === 'rsa') return ['RS256', 'PS256'];
  if (type === 'ec' && details!.namedCurve === 'prime256v1') return ['ES256'];
  if (type === 'ed25519') return ['EdDSA'];
  throw new TypeError('must hold an RSA, P-256 or Ed25519 key');
}
