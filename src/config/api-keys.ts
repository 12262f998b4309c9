import { digestOf, type ApiKey } from '../auth/api-keys.js';
import { SCOPES, type Scope } from '../notifier/connectors.js';
import type { Reader } from './reader.js';

const NAME = 'NOTIFIER_API_KEYS';
const CONNECTOR_NAME = /^[\w.-]{1,64}$/;
const PLAIN_KEY = /^[\x21-\x7e]{16,1024}$/;
const HASHED_KEY = /^sha256=([0-9a-f]{64})$/i;

/** `name:key:scope+scope,…`. No mistake quotes an entry: it may be a key. */
export function readApiKeys(reader: Reader): readonly ApiKey[] {
  const entries = reader.list(NAME);
  if (entries.length === 0 && reader.isSet(NAME)) reader.mistake(`${NAME} must name a key`);
  const keys = entries.flatMap((entry, index) => readApiKey(reader, entry, `entry ${index + 1}`));
  if (hasTwice(keys.map(({ name }) => name))) reader.mistake(`${NAME} must not use a name twice`);
  if (hasTwice(keys.map(({ digest }) => digest.toString('hex')))) {
    reader.mistake(`${NAME} must not use a key twice`);
  }
  return keys;
}

function readApiKey(reader: Reader, entry: string, place: string): ApiKey[] {
  const parts = entry.split(':');
  const [name = '', key = '', scopes = ''] = parts;
  const faults = [
    parts.length === 3 ? '' : 'must be name:key:scope+scope',
    CONNECTOR_NAME.test(name) ? '' : 'must have a name of letters, digits, dots, dashes and underscores',
    HASHED_KEY.test(key) || isPlain(key)
      ? ''
      : 'must have a key of at least 16 printable ASCII characters, or sha256= and 64 hexadecimal digits',
    scopes.split('+').every(isScope) ? '' : `must have scopes of ${SCOPES.join(', ')}, joined by +`,
  ];
  const fault = faults.find((text) => text !== '');
  if (fault === undefined) {
    return [{ name, digest: digestOfEntry(key), scopes: new Set(scopes.split('+') as Scope[]) }];
  }
  reader.mistake(`${NAME}: ${place} ${fault}`);
  return [];
}

/** What begins like a hash and is none was meant as one. */
function isPlain(key: string): boolean {
  return PLAIN_KEY.test(key) && !/^sha256=/i.test(key);
}

function isScope(text: string): boolean {
  return SCOPES.some((scope) => scope === text);
}

function digestOfEntry(key: string): Buffer {
  const hashed = HASHED_KEY.exec(key)?.[1];
  return hashed === undefined ? digestOf(key) : Buffer.from(hashed, 'hex');
}

function hasTwice(texts: readonly string[]): boolean {
  return new Set(texts).size < texts.length;
}
