import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { outcome, withToken } from './support/outcome.js';
import { startApp } from './support/start-app.js';
import { part, SECRET, secondsFromNow, token, tokenFor } from './support/tokens.js';

const BY_SECRET = { NOTIFIER_AUTH: 'none', NOTIFIER_JWT_SECRET: SECRET };

const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function start(environment: Readonly<Record<string, string>> = BY_SECRET): Promise<{ url: string }> {
  const running = await startApp({ HOST: '127.0.0.1', ...environment });
  cleanUps.push(() => running.close());
  return running;
}

const EXP = { sub: 'client1', exp: secondsFromNow(3600) };
const WRONG = '4500 unauthorized: token is not valid';
const NO_SECONDS = '4500 unauthorized: exp of the token must be a number of seconds';

test.each([
  ['alg none without a signature', `${part({ alg: 'none' })}.${part(EXP)}.`, WRONG],
  ['alg none with a signature', token(EXP, { alg: 'none' }), WRONG],
  ['alg NONE', token(EXP, { alg: 'NONE' }), WRONG],
  ['another algorithm, rightly signed by it', token(EXP, { alg: 'HS512' }), WRONG],
  ['no algorithm', token(EXP, { alg: undefined }), WRONG],
  ['another secret', token(EXP, {}, 'another secret of at least 32 bytes!'), WRONG],
  ['a signature that is cut', token(EXP).slice(0, -2), WRONG],
  ['claims that were changed', token(EXP).replace(/\..*\./, `.${part({ ...EXP, admin: true })}.`), WRONG],
  ['an unknown critical header', token(EXP, { crit: ['x'], x: 1 }), WRONG],
  ['an unencoded payload', token(EXP, { crit: ['b64'], b64: false }), WRONG],
  ['an empty list of critical headers', token(EXP, { crit: [] }), WRONG],
  ['a header that is no object', `${part('[]')}.${part(EXP)}.AAAA`, WRONG],
  ['claims that are no object', `${part({ alg: 'HS256' })}.${part('[]')}.AAAA`, WRONG],
  ['an encrypted token', 'e30.AAAA.AAAA.AAAA.AAAA', WRONG],
  ['nothing in it', '', WRONG],
  ['no exp', token({ sub: 'client1' }), '4500 unauthorized: exp is required in the token'],
  ['exp as text', token({ ...EXP, exp: `${EXP.exp}` }), NO_SECONDS],
  ['exp null', token({ ...EXP, exp: null }), NO_SECONDS],
  ['exp in milliseconds', token({ ...EXP, exp: EXP.exp * 1000 }), NO_SECONDS],
  ['exp without an end', token(EXP).replace(/\..*$/, ''), WRONG],
  ['nbf to come', token({ ...EXP, nbf: secondsFromNow(600) }), '4500 unauthorized: token is not valid yet'],
])('a token with %s is refused', async (_what, text, expected) => {
  const { url } = await start();
  expect(await outcome(url, withToken(text))).toBe(expected);
});

test.each(['1e999', '-1e999'])('exp %s is beyond all numbers, and refused', async (exp) => {
  const { url } = await start();
  const text = token(`{"sub":"client1","exp":${exp}}`);
  expect(await outcome(url, withToken(text))).toBe(NO_SECONDS);
});

test('keys that a token brings or points to are never used or fetched', async () => {
  const asked: string[] = [];
  const evil = createServer((request, response) => {
    asked.push(request.url!);
    response.end('{"keys":[]}');
  }).listen(0, '127.0.0.1');
  await once(evil, 'listening');
  cleanUps.push(() => evil.close());
  const where = `http://127.0.0.1:${(evil.address() as AddressInfo).port}`;
  const { url } = await start();
  const own = { kty: 'oct', k: Buffer.from('the secret of an attacker, 32 bytes').toString('base64url') };
  const forged = token(
    EXP,
    { jwk: own, jku: `${where}/jwks`, x5u: `${where}/x5u` },
    'the secret of an attacker, 32 bytes',
  );
  expect(await outcome(url, withToken(forged))).toBe(WRONG);
  // With a signature that is right they are of no interest.
  const right = token(EXP, { jwk: own, jku: `${where}/jwks`, x5u: `${where}/x5u`, kid: '../../dev/null' });
  expect(await outcome(url, withToken(right))).toBe('subscribed');
  expect(asked).toEqual([]);
});

test('issuer and audience are checked where they are configured', async () => {
  const { url } = await start({ ...BY_SECRET, NOTIFIER_JWT_ISSUER: 'us', NOTIFIER_JWT_AUDIENCE: 'notifier' });
  const result = (claims: object) => outcome(url, withToken(tokenFor('client1', { ...claims })));
  expect(await result({ iss: 'us', aud: 'notifier' })).toBe('subscribed');
  expect(await result({ iss: 'us', aud: ['other', 'notifier'] })).toBe('subscribed');
  expect(await result({ iss: 'them', aud: 'notifier' })).toBe(
    '4500 unauthorized: iss of the token is not accepted here',
  );
  expect(await result({ iss: 'us', aud: 'other' })).toBe(
    '4500 unauthorized: aud of the token is not accepted here',
  );
  expect(await result({ aud: 'notifier' })).toBe('4500 unauthorized: iss is required in the token');
  expect(await result({ iss: 'us' })).toBe('4500 unauthorized: aud is required in the token');
});

async function publicKeyFile(key: KeyObject | string): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'notifier-key-'));
  cleanUps.push(() => rm(dir, { recursive: true, force: true }));
  const path = join(dir, 'public.pem');
  await writeFile(path, typeof key === 'string' ? key : key.export({ type: 'spki', format: 'pem' }));
  return path;
}

function signed(key: KeyObject, alg: string, claims: object, header: object = {}): string {
  const input = `${part({ alg, ...header })}.${part({ ...claims })}`;
  const padding = alg === 'PS256' ? { padding: 6, saltLength: 32 } : {};
  const digest = alg === 'EdDSA' ? null : `sha${alg.slice(2)}`;
  const signature = sign(digest, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363', ...padding });
  return `${input}.${signature.toString('base64url')}`;
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed25519 = generateKeyPairSync('ed25519');

test.each([
  ['RS256', rsa, ['PS256']],
  ['PS256', rsa, ['RS256']],
  ['ES256', p256, []],
  ['EdDSA', ed25519, []],
])('a public key file verifies %s', async (alg, pair, also) => {
  const { url } = await start({
    NOTIFIER_AUTH: 'none',
    NOTIFIER_JWT_PUBLIC_KEY_FILE: await publicKeyFile(pair.publicKey),
  });
  expect(await outcome(url, withToken(signed(pair.privateKey, alg, EXP)))).toBe('subscribed');
  for (const other of also) {
    expect(await outcome(url, withToken(signed(pair.privateKey, other, EXP)))).toBe('subscribed');
  }
  for (const unknown of pair === rsa ? ['RS512', 'RS384'] : []) {
    expect(await outcome(url, withToken(signed(pair.privateKey, unknown, EXP)))).toBe(WRONG);
  }
  const stranger = alg === 'EdDSA' ? generateKeyPairSync('ed25519').privateKey : ed25519.privateKey;
  expect(await outcome(url, withToken(signed(stranger, 'EdDSA', EXP)))).toBe(WRONG);
});

test('the public key is no secret: a token signed with it by HMAC is refused', async () => {
  const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' });
  const { url } = await start({
    NOTIFIER_AUTH: 'none',
    NOTIFIER_JWT_PUBLIC_KEY_FILE: await publicKeyFile(pem as string),
  });
  for (const secret of [pem, (pem as string).trim(), rsa.publicKey.export({ type: 'spki', format: 'der' })]) {
    expect(await outcome(url, withToken(token(EXP, {}, secret)))).toBe(WRONG);
  }
});
