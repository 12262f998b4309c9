import { Reader } from '../config/reader.js';
import { readSubscribers, type SubscriberAuthentication } from '../config/subscribers.js';
import { readSecret } from './credentials.js';
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';
import { ConfigError } from '../config/reader.js';

/** What tokens must be, over what the environment says of it. */
export interface TokenOptions {
  readonly secretFile?: string;
  readonly publicKeyFile?: string;
  readonly jwksUrl?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly claim?: string;
  readonly tolerance?: string;
}

export type TokenAuthentication = Extract<SubscriberAuthentication, { by: 'token' }>;

/** The secret that tokens are signed with: of the file, else of the environment. */
export function secretOf({ secretFile }: TokenOptions): string | undefined {
  return secretFile === undefined ? process.env['NOTIFIER_JWT_SECRET'] || undefined : readSecret(secretFile);
}

/** How the server would check tokens. @throws Failure where nothing says so */
export function authenticationOf(options: TokenOptions): TokenAuthentication {
  const reader = new Reader({ ...keyOf(options), ...rulesOf(options) });
  const subscribers = readSubscribers(reader);
  try {
    reader.finish();
  } catch (error) {
    throw new Failure(EXIT.config, (error as ConfigError).mistakes[0]!, 'correct it where it is set');
  }
  if (subscribers.by === 'token') return subscribers;
  const hint =
    'name one: --secret-file, --public-key-file or --jwks-url, or the NOTIFIER_JWT_… of the server';
  throw new Failure(EXIT.usage, 'nothing says how tokens are signed', hint);
}

/** A key that is named takes the place of whichever the environment names. */
function keyOf(options: TokenOptions): Record<string, string | undefined> {
  const { publicKeyFile, jwksUrl, secretFile } = options;
  const isNamed = (publicKeyFile ?? jwksUrl ?? secretFile) !== undefined;
  if (!isNamed) return pick('NOTIFIER_JWT_SECRET', 'NOTIFIER_JWT_PUBLIC_KEY_FILE', 'NOTIFIER_JWT_JWKS_URL');
  return {
    NOTIFIER_JWT_SECRET: secretFile === undefined ? undefined : readSecret(secretFile),
    NOTIFIER_JWT_PUBLIC_KEY_FILE: publicKeyFile,
    NOTIFIER_JWT_JWKS_URL: jwksUrl,
  };
}

function rulesOf({ issuer, audience, claim, tolerance }: TokenOptions): Record<string, string | undefined> {
  const rules = pick(
    'NOTIFIER_JWT_ISSUER',
    'NOTIFIER_JWT_AUDIENCE',
    'NOTIFIER_JWT_CLAIM',
    'NOTIFIER_JWT_TOLERANCE',
  );
  return {
    NOTIFIER_JWT_ISSUER: issuer ?? rules['NOTIFIER_JWT_ISSUER'],
    NOTIFIER_JWT_AUDIENCE: audience ?? rules['NOTIFIER_JWT_AUDIENCE'],
    NOTIFIER_JWT_CLAIM: claim ?? rules['NOTIFIER_JWT_CLAIM'],
    NOTIFIER_JWT_TOLERANCE: tolerance ?? rules['NOTIFIER_JWT_TOLERANCE'],
  };
}

function pick(...names: readonly string[]): Record<string, string | undefined> {
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}
