import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mistakesOf } from '../../test/support/mistakes.js';
import { readConfig } from '../config.js';

type Environment = Readonly<Record<string, string>>;

const SECRET = 's'.repeat(32);
const KEY = 'a-key-of-16-chars';
const HASH = 'a'.repeat(64);
const BOTH = { NOTIFIER_JWT_SECRET: SECRET, NOTIFIER_API_KEYS: `shop:${KEY}:push` };

describe('where the server listens', () => {
  test.each<[string, Environment, string, boolean]>([
    ['nothing is configured', {}, '127.0.0.1', true],
    ['only subscribers are authenticated', { NOTIFIER_JWT_SECRET: SECRET }, '127.0.0.1', true],
    ['only connectors are', { NOTIFIER_API_KEYS: BOTH.NOTIFIER_API_KEYS }, '127.0.0.1', true],
    ['both are', BOTH, '0.0.0.0', false],
    ['it is meant to be open', { NOTIFIER_AUTH: 'none' }, '0.0.0.0', false],
    ['what is not configured is meant to be open', { ...BOTH, NOTIFIER_AUTH: 'none' }, '0.0.0.0', false],
    ['a host is named', { ...BOTH, HOST: '::' }, '::', false],
    ['loopback is named', { HOST: 'localhost' }, 'localhost', true],
  ])('where %s', (_what, environment, host, isLoopbackOnly) => {
    expect(readConfig(environment)).toMatchObject({ host, isLoopbackOnly });
  });

  test.each<[Environment, string]>([
    [{}, 'subscribe and push: set NOTIFIER_JWT_… or NOTIFIER_AUTH_URL and NOTIFIER_API_KEYS, or'],
    [{ NOTIFIER_JWT_SECRET: SECRET }, 'push: set NOTIFIER_API_KEYS, or'],
    [{ NOTIFIER_API_KEYS: BOTH.NOTIFIER_API_KEYS }, 'subscribe: set NOTIFIER_JWT_… or NOTIFIER_AUTH_URL, or'],
  ])('a public address with %p is refused', (environment, missing) => {
    expect(mistakesOf({ ...environment, HOST: '0.0.0.0' })).toEqual([
      `HOST=0.0.0.0 is not a loopback address, and nothing says who may ${missing} NOTIFIER_AUTH=none if it is meant to be open`,
    ]);
    // On loopback it is said.
    const [warning] = readConfig(environment).warnings;
    expect(warning).toContain(`listening on this machine only: nothing says who may ${missing}`);
  });

  test.each(['127.0.0.1:8080', 'http://127.0.0.1', '[::1]:8080', 'localhost/'])(
    'as HOST=%s is refused for what is wrong with it',
    (host) => {
      const mistake = `HOST=${host} must be an address or a name alone: PORT says which port`;
      expect(mistakesOf({ HOST: host })).toEqual([mistake]);
      expect(mistakesOf({ ...BOTH, HOST: host })).toEqual([mistake]);
    },
  );

  test('whoever is let in without being asked is named', () => {
    expect(readConfig({ NOTIFIER_AUTH: 'none' }).warnings).toEqual([
      'NOTIFIER_AUTH=none: everyone who reaches HOST=0.0.0.0 may subscribe and push',
    ]);
    expect(readConfig({ ...BOTH, NOTIFIER_AUTH: 'none' }).warnings).toEqual([]);
  });
});

describe('how subscribers are authenticated', () => {
  let dir: string;
  const file = (name: string) => join(dir, name);

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'notifier-config-'));
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const curve = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    const pem = { type: 'spki', format: 'pem' } as const;
    writeFileSync(file('rsa'), rsa.publicKey.export(pem));
    writeFileSync(file('private'), rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    writeFileSync(file('weak'), weak.publicKey.export(pem));
    writeFileSync(file('curve'), curve.publicKey.export(pem));
    writeFileSync(file('nonsense'), 'nonsense');
  });

  afterAll(() => rmSync(dir, { recursive: true }));

  test('by a secret of 32 bytes or more', () => {
    expect(readConfig({ NOTIFIER_JWT_SECRET: 'é'.repeat(16) }).subscribers.by).toBe('token');
    expect(mistakesOf({ NOTIFIER_JWT_SECRET: 's'.repeat(31) })).toEqual([
      'NOTIFIER_JWT_SECRET must have at least 32 bytes',
    ]);
  });

  test('never by a key that others may know', () => {
    const pem = `-----BEGIN PUBLIC KEY-----\n${'A'.repeat(64)}\n-----END PUBLIC KEY-----`;
    expect(mistakesOf({ NOTIFIER_JWT_SECRET: pem })).toEqual([
      'NOTIFIER_JWT_SECRET holds a PEM key, which others may know: set NOTIFIER_JWT_PUBLIC_KEY_FILE',
    ]);
  });

  test.each([
    ['private', 'must hold a public key, and holds a private one'],
    ['weak', 'must hold an RSA key of at least 2048 bits'],
    ['curve', 'must hold an RSA, P-256 or Ed25519 key'],
    ['nonsense', 'must hold a public key or a certificate in PEM'],
    ['missing', 'names a file that cannot be read (ENOENT)'],
  ])('by a public key file that is not: %s', (name, fault) => {
    expect(mistakesOf({ NOTIFIER_JWT_PUBLIC_KEY_FILE: file(name) })).toEqual([
      `NOTIFIER_JWT_PUBLIC_KEY_FILE ${fault}`,
    ]);
  });

  test('by one way at a time', () => {
    expect(mistakesOf({ NOTIFIER_JWT_SECRET: SECRET, NOTIFIER_JWT_PUBLIC_KEY_FILE: file('rsa') })).toEqual([
      'NOTIFIER_JWT_SECRET and NOTIFIER_JWT_PUBLIC_KEY_FILE exclude each other: set one',
    ]);
    expect(mistakesOf({ NOTIFIER_JWT_SECRET: SECRET, NOTIFIER_AUTH_URL: 'https://x.example/' })).toEqual([
      'NOTIFIER_AUTH_URL and NOTIFIER_JWT_SECRET exclude each other: set one',
    ]);
  });

  test('and rules for tokens without a key are a mistake', () => {
    expect(mistakesOf({ NOTIFIER_JWT_ISSUER: 'us' })).toEqual([
      expect.stringMatching(/^NOTIFIER_JWT_ISSUER says what tokens must be, and nothing says how they are/),
    ]);
  });

  test.each(['NOTIFIER_JWT_JWKS_URL', 'NOTIFIER_AUTH_URL'])(
    'by asking %s over HTTP, best with TLS',
    (name) => {
      expect(mistakesOf({ [name]: 'ftp://x.example/' })).toEqual([`${name} must be an http or https URL`]);
      expect(mistakesOf({ [name]: 'nonsense' })).toEqual([`${name} must be an http or https URL`]);
      for (const who of ['user:password', 'user', ':password']) {
        expect(mistakesOf({ [name]: `https://${who}@x.example/` })).toEqual([
          `${name} must not hold a user or a password`,
        ]);
      }
      const warnings = (url: string) =>
        readConfig({ [name]: url, NOTIFIER_API_KEYS: BOTH.NOTIFIER_API_KEYS }).warnings;
      expect(warnings('https://x.example/')).toEqual([]);
      expect(warnings('http://127.0.0.1:1/')).toEqual([]);
      expect(warnings('http://x.example/')).toEqual([
        `${name} is not https: whoever is on the way can read and change what it carries`,
      ]);
    },
  );
});

describe('the keys of connectors', () => {
  test('have a name, a key and scopes', () => {
    const text = ` shop:${KEY}:push , ops:sha256=${HASH.toUpperCase()}:drop+read,`;
    const [shop, ops] = readConfig({ NOTIFIER_API_KEYS: text }).apiKeys;
    expect([shop!.name, ...shop!.scopes]).toEqual(['shop', 'push']);
    expect([ops!.name, ...ops!.scopes]).toEqual(['ops', 'drop', 'read']);
    expect(ops!.digest.toString('hex')).toBe(HASH);
  });

  test.each([
    [',', 'NOTIFIER_API_KEYS must name a key'],
    ['shop', 'NOTIFIER_API_KEYS: entry 1 must be name:key:scope+scope'],
    [`shop:${KEY}:push:x`, 'NOTIFIER_API_KEYS: entry 1 must be name:key:scope+scope'],
    [
      `:${KEY}:push`,
      'NOTIFIER_API_KEYS: entry 1 must have a name of letters, digits, dots, dashes and underscores',
    ],
    [
      `a b:${KEY}:push`,
      'NOTIFIER_API_KEYS: entry 1 must have a name of letters, digits, dots, dashes and underscores',
    ],
    ...['x'.repeat(15), 'sixteen chars or so', `sha256=${HASH.slice(1)}`, `SHA256=${HASH}a`].map((key) => [
      `shop:${key}:push`,
      'NOTIFIER_API_KEYS: entry 1 must have a key of at least 16 printable ASCII characters, or sha256= and 64 hexadecimal digits',
    ]),
    [`shop:${KEY}:`, 'NOTIFIER_API_KEYS: entry 1 must have scopes of push, drop, read, joined by +'],
    [
      `ok:${KEY}x:push,shop:${KEY}:write`,
      'NOTIFIER_API_KEYS: entry 2 must have scopes of push, drop, read, joined by +',
    ],
    [`shop:${KEY}:push,shop:${KEY}x:push`, 'NOTIFIER_API_KEYS must not use a name twice'],
    [`a:${KEY}:push,b:${KEY}:read`, 'NOTIFIER_API_KEYS must not use a key twice'],
  ])('%s is a mistake, and never quoted', (text, mistake) => {
    const mistakes = mistakesOf({ NOTIFIER_API_KEYS: text });
    expect(mistakes).toEqual([mistake]);
    expect(mistakes.join()).not.toContain(KEY);
  });
});

test('any origin together with authentication is warned about', () => {
  expect(readConfig({ ...BOTH, NOTIFIER_ALLOWED_ORIGINS: '*' }).warnings).toEqual([
    'NOTIFIER_ALLOWED_ORIGINS=* lets pages of any site connect with a token they got hold of: list the origins of your own',
  ]);
});

test.each(['capacitor://localhost', 'ionic://localhost', 'chrome-extension://abcdefgh', 'tauri://localhost'])(
  'the origin of pages that an app brings along may be listed: %s',
  (origin) => {
    expect(readConfig({ ...BOTH, NOTIFIER_ALLOWED_ORIGINS: origin }).allowedOrigins).toEqual([origin]);
    for (const wrong of [
      `${origin}/`,
      `${origin}/x`,
      `${origin}?x`,
      origin.toUpperCase(),
      'file://',
      'blob:x',
    ]) {
      expect(mistakesOf({ ...BOTH, NOTIFIER_ALLOWED_ORIGINS: wrong })).toHaveLength(1);
    }
  },
);

test('an origin with a slash at its end is a mistake that is named', () => {
  const mistakes = mistakesOf({ NOTIFIER_ALLOWED_ORIGINS: 'https://app.example/' });
  expect(mistakes).toEqual([
    'NOTIFIER_ALLOWED_ORIGINS must list origins without a slash at the end, such as https://app.example.com, or *',
  ]);
});

test('believing any proxy is warned about, believing none is not', () => {
  const warnings = (text: string) => readConfig({ ...BOTH, NOTIFIER_TRUST_PROXY: text }).warnings;
  expect(warnings('true')).toEqual([
    expect.stringMatching(/^NOTIFIER_TRUST_PROXY=true: whoever connects may claim any address, unless /),
  ]);
  expect([...warnings('false'), ...warnings('1')]).toEqual([]);
});

test.each(['garbage', '10.0.0.0/99', '1,x'])('the trusted proxy %p is a mistake', (text) => {
  expect(mistakesOf({ NOTIFIER_TRUST_PROXY: text })).toEqual([
    'NOTIFIER_TRUST_PROXY must be true, false, a number of hops, or addresses and networks such as 10.0.0.0/8, loopback',
  ]);
});

test('a certificate without its key is a mistake', () => {
  expect(mistakesOf({ NOTIFIER_TLS_CERT: 'x' })).toEqual([
    'NOTIFIER_TLS_CERT and NOTIFIER_TLS_KEY belong together: set both or none',
  ]);
  expect(mistakesOf({ NOTIFIER_TLS_CERT: 'x', NOTIFIER_TLS_KEY: 'y' })).toEqual([
    'NOTIFIER_TLS_CERT names a file that cannot be read (ENOENT)',
    'NOTIFIER_TLS_KEY names a file that cannot be read (ENOENT)',
  ]);
});

const mistakesOfTls = (NOTIFIER_TLS_CERT: string, NOTIFIER_TLS_KEY: string) =>
  mistakesOf({ NOTIFIER_TLS_CERT, NOTIFIER_TLS_KEY });

test('of a certificate and a key, the one that is none is named', () => {
  const dir = mkdtempSync(join(tmpdir(), 'notifier-tls-'));
  const file = (name: string, text: string) => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const certificates = join(import.meta.dirname, '../../test/certificates');
  const [cert, key] = ['first.cert.pem', 'first.key.pem'].map((name) => join(certificates, name));
  const nonsense = file('nonsense', 'nonsense');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const locked = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const;
  const encrypted = file('encrypted', privateKey.export(locked).toString());
  const noCert = /^NOTIFIER_TLS_CERT must name a file that holds a certificate in PEM \(/;
  const noKey = /^NOTIFIER_TLS_KEY must name a file that holds a private key without a passphrase in PEM \(/;
  expect(mistakesOfTls(cert!, key!)).toEqual([]);
  expect(mistakesOfTls(nonsense, key!)).toEqual([expect.stringMatching(noCert)]);
  expect(mistakesOfTls(key!, cert!)).toEqual([expect.stringMatching(noCert), expect.stringMatching(noKey)]);
  expect(mistakesOfTls(cert!, encrypted)).toEqual([expect.stringMatching(noKey)]);
  rmSync(dir, { recursive: true });
});

test('every mistake is named at once', () => {
  const mistakes = mistakesOf({
    PORT: 'x',
    HOST: '0.0.0.0',
    NOTIFIER_JWT_SECRET: 'short',
    NOTIFIER_API_KEYS: 'x',
    NOTIFIER_RATE_LIMIT: '0',
    NOTIFIER_NONSENSE: '1',
  });
  expect(mistakes).toHaveLength(5);
});
