import { KeySet } from '../auth/key-set.js';
import { OneKey, type TokenKeys } from '../auth/token-keys.js';
import type { TokenRules } from '../auth/tokens.js';
import type { Reader } from './reader.js';

/** How subscribers prove who they are. */
export type SubscriberAuthentication =
  | { readonly by: 'token'; readonly keys: () => TokenKeys; readonly rules: TokenRules }
  | { readonly by: 'asking'; readonly url: URL }
  | { readonly by: 'nothing' };

const KEYS = ['NOTIFIER_JWT_SECRET', 'NOTIFIER_JWT_PUBLIC_KEY_FILE', 'NOTIFIER_JWT_JWKS_URL'];

const RULES = [
  'NOTIFIER_JWT_ISSUER',
  'NOTIFIER_JWT_AUDIENCE',
  'NOTIFIER_JWT_CLAIM',
  'NOTIFIER_JWT_TOLERANCE',
];

/** RFC 7518, section 3.2: a key of the size of the hash, or larger. A shorter one is found by trying. */
const MIN_SECRET_BYTES = 32;

export function readSubscribers(reader: Reader): SubscriberAuthentication {
  const keys = readKeys(reader);
  const rules = readRules(reader);
  const url = reader.url('NOTIFIER_AUTH_URL');
  const named = KEYS.filter((name) => reader.isSet(name));
  if (named.length > 1) reader.mistake(`${named.join(' and ')} exclude each other: set one`);
  if (named.length > 0 && reader.isSet('NOTIFIER_AUTH_URL')) {
    reader.mistake(`NOTIFIER_AUTH_URL and ${named[0]} exclude each other: set one`);
  }
  if (named.length === 0) refuseIdleRules(reader);
  if (keys) return { by: 'token', keys, rules };
  return url ? { by: 'asking', url } : { by: 'nothing' };
}

/** Somebody who sets them believes that tokens are checked. */
function refuseIdleRules(reader: Reader): void {
  for (const name of RULES.filter((rule) => reader.isSet(rule))) {
    reader.mistake(
      `${name} says what tokens must be, and nothing says how they are signed: set ${KEYS[0]}, …_PUBLIC_KEY_FILE or …_JWKS_URL`,
    );
  }
}

function readKeys(reader: Reader): (() => TokenKeys) | undefined {
  const secret = readSecret(reader);
  const publicKey = readPublicKey(reader);
  const url = reader.url('NOTIFIER_JWT_JWKS_URL');
  const key = secret ?? publicKey;
  if (key) return () => key;
  return url && (() => new KeySet(url));
}

function readSecret(reader: Reader): TokenKeys | undefined {
  const name = 'NOTIFIER_JWT_SECRET';
  const secret = reader.text(name, undefined);
  if (secret === undefined) return undefined;
  if (secret.includes('-----BEGIN')) {
    reader.mistake(`${name} holds a PEM key, which others may know: set NOTIFIER_JWT_PUBLIC_KEY_FILE`);
  } else if (Buffer.byteLength(secret) < MIN_SECRET_BYTES) {
    reader.mistake(`${name} must have at least ${MIN_SECRET_BYTES} bytes`);
  }
  return OneKey.secret(secret);
}

function readPublicKey(reader: Reader): TokenKeys | undefined {
  const name = 'NOTIFIER_JWT_PUBLIC_KEY_FILE';
  const pem = reader.file(name);
  if (pem === undefined) return undefined;
  try {
    return OneKey.publicKey(pem);
  } catch (error) {
    reader.mistake(`${name} ${(error as TypeError).message}`);
    return undefined;
  }
}

function readRules(reader: Reader): TokenRules {
  return {
    issuer: reader.text('NOTIFIER_JWT_ISSUER', undefined),
    audience: reader.text('NOTIFIER_JWT_AUDIENCE', undefined),
    claim: reader.text('NOTIFIER_JWT_CLAIM', 'sub'),
    toleranceMs: reader.seconds('NOTIFIER_JWT_TOLERANCE', 5, 0),
  };
}
