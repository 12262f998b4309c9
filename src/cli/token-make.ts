import { createPrivateKey, type KeyObject } from 'node:crypto';
import { SignJWT } from 'jose';
import { accessIdFault } from '../notifier/event.js';
import { readText } from './credentials.js';
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';
import { say } from './terminal.js';
import { secretOf, type TokenOptions } from './token-options.js';

export interface MakeOptions extends TokenOptions {
  readonly privateKeyFile?: string;
  /** Seconds; below zero: it has expired already. */
  readonly expiresIn: number;
}

/** RFC 7518, section 3.2: as large as the hash. */
const MIN_SECRET_BYTES = 32;

/** A token for development: a back end makes its own. */
export async function makeToken(accessId: string, options: MakeOptions): Promise<void> {
  const fault = accessIdFault(accessId);
  if (fault !== undefined)
    throw new Failure(EXIT.data, `access_id ${fault}`, 'the server takes no such token');
  const { key, algorithm } = keyOf(options);
  const claim = options.claim ?? process.env['NOTIFIER_JWT_CLAIM'] ?? 'sub';
  const issuer = options.issuer ?? process.env['NOTIFIER_JWT_ISSUER'];
  const audience = options.audience ?? process.env['NOTIFIER_JWT_AUDIENCE'];
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    [claim]: accessId,
    iat: now,
    exp: now + options.expiresIn,
    ...(issuer && { iss: issuer }),
    ...(audience && { aud: audience }),
  };
  await say(await new SignJWT(claims).setProtectedHeader({ alg: algorithm, typ: 'JWT' }).sign(key));
}

function keyOf(options: MakeOptions): { key: KeyObject | Uint8Array; algorithm: string } {
  if (options.privateKeyFile !== undefined) return privateKey(options.privateKeyFile);
  const secret = secretOf(options);
  if (secret === undefined) {
    const hint = 'name it: --secret-file or --private-key-file, or NOTIFIER_JWT_SECRET in the environment';
    throw new Failure(EXIT.usage, 'nothing says what to sign the token with', hint);
  }
  if (Buffer.byteLength(secret) < MIN_SECRET_BYTES) {
    const hint = `the server takes none shorter than ${MIN_SECRET_BYTES} bytes: make one with openssl rand -base64 48`;
    throw new Failure(EXIT.data, 'the secret is too short', hint);
  }
  return { key: Buffer.from(secret), algorithm: 'HS256' };
}

const ALGORITHMS: Readonly<Record<string, string>> = { rsa: 'RS256', ec: 'ES256', ed25519: 'EdDSA' };

function privateKey(path: string): { key: KeyObject; algorithm: string } {
  const pem = readText(path);
  try {
    const key = createPrivateKey(pem);
    const algorithm = ALGORITHMS[key.asymmetricKeyType ?? ''];
    if (algorithm !== undefined) return { key, algorithm };
  } catch {
    // Said below.
  }
  throw new Failure(
    EXIT.data,
    `${path} holds no private key that signs tokens`,
    'RSA, P-256 or Ed25519, in PEM',
  );
}
