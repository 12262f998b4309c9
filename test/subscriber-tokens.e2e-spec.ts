import { afterEach, expect, test } from '@jest/globals';
import { drop, event, pushed } from './support/http.js';
import { outcome, withToken } from './support/outcome.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { SECRET, secondsFromNow, token, tokenFor } from './support/tokens.js';

const BY_SECRET = { NOTIFIER_AUTH: 'none', NOTIFIER_JWT_SECRET: SECRET };

let running: RunningApp | undefined;

afterEach(async () => {
  await running?.close();
  running = undefined;
});

async function start(environment: Readonly<Record<string, string>> = BY_SECRET): Promise<{ url: string }> {
  running = await startApp({ HOST: '127.0.0.1', ...environment });
  return running;
}

test('a subscriber with a token of its own gets its events', async () => {
  const { url } = await start();
  await pushed(url, [event('client1', 10, 'mine'), event('client2', 10, 'not mine')]);
  const first = { ...withToken(tokenFor('client1')), timestamp: 0 };
  const client = await SocketClient.subscribe(url, first);
  await client.untilEvents(1);
  await pushed(url, [event('client1', 20, 'live')]);
  await client.untilEvents(2);
  expect(client.payloads()).toEqual(['mine', 'live']);
});

test('a subscriber without a token, or with that of another user, is unauthorized and gets nothing', async () => {
  const { url } = await start();
  await pushed(url, [event('client1', 10, 'secret')]);
  expect(await outcome(url, { access_id: 'client1' })).toBe('4500 unauthorized: token is missing');
  const foreign = await SocketClient.subscribe(url, { ...withToken(tokenFor('client2')), timestamp: 0 });
  expect(await foreign.closed()).toEqual({
    code: 4500,
    reason: 'unauthorized: token is not for this access_id',
  });
  expect(foreign.texts).toEqual([]);
});

test('the subject is compared byte for byte, never normalised', async () => {
  const { url } = await start();
  const composed = 'caf\u00e9';
  const decomposed = 'cafe\u0301';
  expect(await outcome(url, withToken(tokenFor(composed), composed))).toBe('subscribed');
  expect(await outcome(url, withToken(tokenFor(composed), decomposed))).toMatch(/^4500/);
  expect(await outcome(url, withToken(tokenFor('Client1'), 'client1'))).toMatch(/^4500/);
  expect(await outcome(url, withToken(token({ sub: 1, exp: secondsFromNow(60) }), '1'))).toMatch(/^4500/);
});

test('the access id may be left out: the subject of the token counts, and a drop finds it', async () => {
  const { url } = await start();
  const client = await SocketClient.subscribe(url, { token: tokenFor('client1'), last_event_id: null });
  await client.until((c) => c.subscribed() !== undefined);
  expect(client.subscribed()!.access_id).toBe('client1');
  await drop(url, 'client1');
  expect((await client.closed()).code).toBe(4503);
});

test.each([
  ['no token', undefined, '4500 unauthorized: token is missing'],
  ['a token that is none', 'x.y.z', '4500 unauthorized: token names no user'],
  ['a subject that is no access id', tokenFor('a\nb'), '4500 unauthorized: token names no user'],
  [
    'a foreign signature',
    token({ sub: 'a', exp: secondsFromNow(60) }, {}, 'x'.repeat(32)),
    '4500 unauthorized: token is not valid',
  ],
])('without an access id, %s is unauthorized', async (_what, text, expected) => {
  const { url } = await start();
  expect(await outcome(url, { token: text })).toBe(expected);
});

test('the configured claim names the user, and only it', async () => {
  const { url } = await start({ ...BY_SECRET, NOTIFIER_JWT_CLAIM: 'https://example.com/user' });
  const exp = secondsFromNow(60);
  const named = token({ sub: 'other', 'https://example.com/user': 'client1', exp });
  expect(await outcome(url, withToken(named))).toBe('subscribed');
  expect(await outcome(url, withToken(tokenFor('client1')))).toMatch(/^4500/);
});

test('a token may come with the handshake, and the first message then needs none', async () => {
  const { url } = await start();
  const headers = { Authorization: `Bearer ${tokenFor('client1')}` };
  expect(await outcome(url, { access_id: 'client1' }, headers)).toBe('subscribed');
  expect(await outcome(url, {}, headers)).toBe('subscribed');
  expect(await outcome(url, { access_id: 'client2' }, headers)).toMatch(/^4500/);
  expect(await outcome(url, withToken(tokenFor('client2'), 'client2'), headers)).toBe('subscribed');
});

test('a wrong or expired token on the handshake is answered 401 instead of the upgrade', async () => {
  const { url } = await start();
  const refusal = async (authorization: string) => {
    const { status, headers, text } = await SocketClient.refusal(url, {
      headers: { Authorization: authorization },
    });
    return [status, headers['www-authenticate'], (JSON.parse(text) as { message: string }).message];
  };
  const expired = token({ sub: 'client1', exp: secondsFromNow(-60) });
  expect(await refusal(`Bearer ${expired}`)).toEqual([401, 'Bearer', 'token expired']);
  expect(await refusal('Bearer nonsense')).toEqual([401, 'Bearer', 'token is not valid']);
  expect(await refusal(`Bearer ${token({ exp: secondsFromNow(60) })}`)).toEqual([
    401,
    'Bearer',
    'token names no user',
  ]);
  expect(await refusal('Bearer')).toEqual([401, 'Bearer', 'token is not valid']);
  expect(await refusal(`bearer ${token({ sub: 'client1' })}`)).toEqual([
    401,
    'Bearer',
    'exp is required in the token',
  ]);
});

test('a token in the URL counts for nothing', async () => {
  const { url } = await start();
  const path = `${url}/subscribe_to_events?token=${tokenFor('client1')}`;
  expect(await outcome(path, { access_id: 'client1' })).toBe('4500 unauthorized: token is missing');
});

test('a refused client that goes on talking gets nothing', async () => {
  const { url } = await start();
  await pushed(url, [event('client1', 10, 'secret')]);
  const client = await SocketClient.connect(url);
  client.send({ access_id: 'client1', timestamp: 'never' });
  client.send({ ...withToken(tokenFor('client1')), timestamp: 0 });
  expect((await client.closed()).code).toBe(4501);
  expect(client.texts).toEqual([]);
});
