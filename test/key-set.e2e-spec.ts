import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { JwtAuthenticator } from '../src/auth/jwt-authenticator.js';
import { KeySet } from '../src/auth/key-set.js';
import { Tokens } from '../src/auth/tokens.js';
import { Authenticator } from '../src/notifier/authenticator.js';
import { outcome, withToken } from './support/outcome.js';
import { OwnServer } from './support/own-server.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { startServer } from './support/start-server.js';
import { part, secondsFromNow, token } from './support/tokens.js';
import { eventually } from './support/wait.js';

const SUBSCRIBED = 'subscribed';
const WRONG = '4500 unauthorized: token is not valid';
const UNKNOWN = '1013 try again later: the keys of tokens cannot be fetched';
/** Shorter than in earnest: nobody waits for a test. */
const TIMES = { refreshMs: 3_600_000, pauseMs: 50, fetchMs: 1000 };
const RULES = { issuer: undefined, audience: undefined, claim: 'sub', toleranceMs: 5000 };

/** A key pair with the name under which it is published. */
class SigningKey {
  private readonly pair: { publicKey: KeyObject; privateKey: KeyObject };

  constructor(readonly kid: string | undefined) {
    this.pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  }

  get published(): object {
    return { ...this.pair.publicKey.export({ format: 'jwk' }), kid: this.kid, alg: 'ES256', use: 'sig' };
  }

  token(header: object = {}): string {
    const claims = { sub: 'client1', exp: secondsFromNow(3600) };
    const input = `${part({ alg: 'ES256', kid: this.kid, ...header })}.${part(claims)}`;
    const key = { key: this.pair.privateKey, dsaEncoding: 'ieee-p1363' as const };
    return `${input}.${sign('sha256', Buffer.from(input), key).toString('base64url')}`;
  }
}

let publisher: OwnServer;
let running: RunningApp | undefined;
const a = new SigningKey('a');
const b = new SigningKey('b');

beforeEach(async () => {
  publisher = await OwnServer.listen();
});

afterEach(async () => {
  await running?.close();
  running = undefined;
  publisher.close();
});

function publish(...keys: readonly object[]): void {
  publisher.answer = (response) => response.end(JSON.stringify({ keys }));
}

/** Starts a server that believes the published keys, and has looked at them once. */
async function start(times = TIMES): Promise<string> {
  const url = new URL(`${publisher.url}/jwks`);
  const useFactory = () => new JwtAuthenticator(new Tokens(new KeySet(url, times), RULES));
  const environment = { NOTIFIER_AUTH: 'none', HOST: '127.0.0.1', NOTIFIER_JWT_JWKS_URL: url.href };
  running = await startApp(environment, [{ provide: Authenticator, useFactory }]);
  await eventually(() => publisher.asked.length > 0, 'the keys are fetched at the start');
  return running.url;
}

function subscribe(url: string, text: string): Promise<string> {
  return outcome(url, withToken(text));
}

test('keys that have moved are not fetched from elsewhere, and the log says why', async () => {
  publisher.answer = (response) => response.writeHead(301, { Location: '/elsewhere' }).end();
  const environment = { NOTIFIER_JWT_JWKS_URL: `${publisher.url}/jwks`, HOST: '127.0.0.1' };
  const server = await startServer(environment);
  const line = 'the keys of tokens cannot be fetched: unexpected redirect';
  try {
    await eventually(() => server.stderr.includes(line), line);
  } finally {
    await server.stop();
  }
});

test('published keys verify tokens, and are fetched once for all of them', async () => {
  publish(a.published, b.published);
  const url = await start();
  for (const key of [a, b, a]) expect(await subscribe(url, key.token())).toBe(SUBSCRIBED);
  expect(publisher.asked.map(({ method, path }) => `${method} ${path}`)).toEqual(['GET /jwks']);
});

test('the configured URL is where keys come from', async () => {
  publish(a.published);
  running = await startApp({
    NOTIFIER_AUTH: 'none',
    HOST: '127.0.0.1',
    NOTIFIER_JWT_JWKS_URL: `${publisher.url}/jwks`,
  });
  expect(await subscribe(running.url, a.token())).toBe(SUBSCRIBED);
  expect(await subscribe(running.url, new SigningKey('a').token())).toBe(WRONG);
});

test('a new key is found without a restart, and a removed one is no longer believed', async () => {
  publish(a.published);
  const url = await start();
  expect(await subscribe(url, a.token())).toBe(SUBSCRIBED);
  publish(b.published);
  expect(await subscribe(url, b.token())).toBe(SUBSCRIBED);
  expect(await subscribe(url, a.token())).toBe(WRONG);
});

test('a removed key ends by itself, with the next refresh', async () => {
  publish(a.published);
  const url = await start({ ...TIMES, refreshMs: 100 });
  publish(b.published);
  await eventually(async () => (await subscribe(url, a.token())) === WRONG, 'the key has ended');
});

test('keys without names are tried one by one, and new ones found', async () => {
  const [first, second, third] = [1, 2, 3].map(() => new SigningKey(undefined));
  publish(first!.published, second!.published);
  const url = await start();
  expect(await subscribe(url, second!.token())).toBe(SUBSCRIBED);
  expect(await subscribe(url, third!.token())).toBe(WRONG);
  publish(first!.published, second!.published, third!.published);
  expect(await subscribe(url, third!.token())).toBe(SUBSCRIBED);
});

test.each([undefined, 'named'])(
  'the only key (kid: %s) is found anew for tokens that name none',
  async (kid) => {
    const [first, second] = [1, 2].map(() => new SigningKey(kid));
    const nameless = { kid: undefined };
    publish(first!.published);
    const url = await start();
    expect(await subscribe(url, first!.token(nameless))).toBe(SUBSCRIBED);
    publish(second!.published);
    expect(await subscribe(url, second!.token(nameless))).toBe(SUBSCRIBED);
    expect(await subscribe(url, first!.token(nameless))).toBe(WRONG);
  },
);

test('an invented key id is refused, and many of them are no flood of fetches', async () => {
  publish(a.published);
  const url = await start({ ...TIMES, pauseMs: 1000 });
  const invented = Array.from({ length: 20 }, (_, i) => subscribe(url, a.token({ kid: `invented ${i}` })));
  expect(new Set(await Promise.all(invented))).toEqual(new Set([WRONG]));
  expect(publisher.mostOpen).toBe(1);
  expect(publisher.asked.length).toBeLessThan(10);
});

test('between two fetches there is a pause, whoever asks and however often', async () => {
  publish(a.published);
  const began = performance.now();
  const url = await start({ ...TIMES, pauseMs: 300 });
  for (let i = 0; i < 5; i++) expect(await subscribe(url, a.token({ kid: `invented ${i}` }))).toBe(WRONG);
  const pauses = Math.floor((performance.now() - began) / 300);
  expect(publisher.asked.length).toBeLessThanOrEqual(pauses + 1);
});

test('while the keys cannot be fetched, those known are believed, and nobody is sent away for ever', async () => {
  publish(a.published);
  const url = await start();
  expect(await subscribe(url, a.token())).toBe(SUBSCRIBED);
  publisher.close();
  expect(await subscribe(url, b.token())).toBe(UNKNOWN);
  expect(await subscribe(url, a.token())).toBe(SUBSCRIBED);
});

test.each<[string, OwnServer['answer']]>([
  ['an error', (response) => response.writeHead(500).end('{"keys":[]}')],
  ['no JSON', (response) => response.end('<html>')],
  ['JSON that is no key set', (response) => response.end('{"keys":{"a":1}}')],
  ['nothing at all', () => undefined],
  ['a byte at a time', (response) => void setInterval(() => response.write(' '), 100).unref()],
  [
    'a cut answer',
    (response) =>
      response.writeHead(200, { 'Content-Length': 100 }).write('{"keys', () => response.destroy()),
  ],
  ['a redirect', (response) => response.writeHead(302, { Location: '/elsewhere' }).end()],
  ['far too much', (response) => response.end(`{"keys":[],"x":"${'x'.repeat(1_000_000)}"}`)],
])('a publisher that answers with %s takes no known key away', async (_what, answer) => {
  publish(a.published);
  const url = await start();
  expect(await subscribe(url, a.token())).toBe(SUBSCRIBED);
  publisher.answer = answer;
  expect(await subscribe(url, b.token())).toBe(UNKNOWN);
  expect(await subscribe(url, a.token())).toBe(SUBSCRIBED);
  expect(publisher.asked.every(({ path }) => path === '/jwks')).toBe(true);
  publish(b.published);
  expect(await subscribe(url, b.token())).toBe(SUBSCRIBED);
});

test('a publisher that is away at the start is asked again by the first token', async () => {
  publisher.answer = (response) => response.writeHead(503).end();
  const url = await start();
  expect(await subscribe(url, a.token())).toBe(UNKNOWN);
  publish(a.published);
  expect(await subscribe(url, a.token())).toBe(SUBSCRIBED);
});

test('on the handshake, keys that cannot be fetched are a 503', async () => {
  publisher.answer = (response) => response.writeHead(503).end();
  const url = await start();
  const headers = { Authorization: `Bearer ${a.token()}` };
  expect((await SocketClient.refusal(url, { headers })).status).toBe(503);
});

test('a published secret or a weak key is no key', async () => {
  const secret = 'a secret that somebody published by mistake';
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  publish(
    { kty: 'oct', kid: 'oct', alg: 'HS256', k: Buffer.from(secret).toString('base64url') },
    { ...weak.publicKey.export({ format: 'jwk' }), kid: 'weak', alg: 'RS256' },
    a.published,
  );
  const url = await start();
  const claims = { sub: 'client1', exp: secondsFromNow(3600) };
  expect(await subscribe(url, token(claims, { kid: 'oct' }, secret))).toBe(WRONG);
  const input = `${part({ alg: 'RS256', kid: 'weak' })}.${part(claims)}`;
  const signature = sign('sha256', Buffer.from(input), weak.privateKey).toString('base64url');
  expect(await subscribe(url, `${input}.${signature}`)).toBe(WRONG);
  expect(await subscribe(url, a.token())).toBe(SUBSCRIBED);
});
