import { afterEach, expect, test } from '@jest/globals';
import { event, pushed } from './support/http.js';
import { outcome, withToken } from './support/outcome.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { SECRET, secondsFromNow, token, tokenFor } from './support/tokens.js';
import { eventually } from './support/wait.js';

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

const WRONG = '4500 unauthorized: token is not valid';

test('a token that is right but for its time is told from a wrong one', async () => {
  const { url } = await start();
  const expired = { sub: 'client1', exp: secondsFromNow(-60) };
  expect(await outcome(url, withToken(token(expired)))).toBe('4005 token expired');
  expect(await outcome(url, withToken(token({ ...expired, exp: secondsFromNow(-60) + 0.5 })))).toBe(
    '4005 token expired',
  );
  expect(await outcome(url, withToken(token(expired), 'client2'))).toMatch(/^4500/);
  expect(await outcome(url, withToken(token(expired, {}, 'x'.repeat(40))))).toBe(WRONG);
});

test('clocks may differ by the tolerance', async () => {
  const { url } = await start({ ...BY_SECRET, NOTIFIER_JWT_TOLERANCE: '120' });
  const result = (claims: object) => outcome(url, withToken(tokenFor('client1', { ...claims })));
  expect(await result({ exp: secondsFromNow(-60) })).toBe('subscribed');
  expect(await result({ nbf: secondsFromNow(60) })).toBe('subscribed');
  expect(await result({ exp: secondsFromNow(-180) })).toBe('4005 token expired');
  expect(await result({ nbf: secondsFromNow(180) })).toMatch(/^4500/);
});

test.each([
  ['whole', 0],
  ['fractional', 0.4],
])('a connection whose token runs out is closed with 4005, with a %s exp', async (_what, fraction) => {
  const { url } = await start({ ...BY_SECRET, NOTIFIER_JWT_TOLERANCE: '0' });
  const exp = secondsFromNow(4) + fraction;
  const client = await SocketClient.subscribe(url, {
    ...withToken(tokenFor('client1', { exp })),
    last_event_id: null,
  });
  await client.until((c) => c.hasReachedHead);
  expect(await client.closed()).toEqual({ code: 4005, reason: 'token expired' });
  expect(Date.now()).toBeGreaterThanOrEqual(exp * 1000);
});

test('a token that runs out in the middle of a replay ends it', async () => {
  const { url } = await start({
    ...BY_SECRET,
    NOTIFIER_JWT_TOLERANCE: '0',
    NOTIFIER_BUFFER_BYTES: '67108864',
  });
  for (let i = 0; i < 300; i++) await pushed(url, [event('client1', i, 'x'.repeat(100_000))]);
  const client = await SocketClient.connect(url);
  const exp = secondsFromNow(4);
  client.send({ ...withToken(tokenFor('client1', { exp })), timestamp: 0 });
  await client.untilEvents(1);
  client.pause();
  await eventually(() => Date.now() > exp * 1000 + 1500, 'the token has run out, and it was seen');
  client.resume();
  expect((await client.closed()).code).toBe(4005);
  expect(client.events().length).toBeLessThan(300);
});

test('a renewed token keeps the connection, and only until its own end', async () => {
  const { url } = await start({ ...BY_SECRET, NOTIFIER_JWT_TOLERANCE: '0' });
  const subscribe = (exp: number) =>
    SocketClient.subscribe(url, { ...withToken(tokenFor('client1', { exp })), timestamp: 0 });
  const exp = secondsFromNow(4);
  const [renewed, forgetful] = [await subscribe(exp), await subscribe(exp)];
  renewed.send({ token: tokenFor('client1', { exp: exp + 3 }) });
  expect((await forgetful.closed()).code).toBe(4005);
  expect(renewed.closeCode).toBeUndefined();
  await pushed(url, [event('client1', 1, 'still here')]);
  await renewed.untilEvents(1);
  expect((await renewed.closed()).code).toBe(4005);
});

test.each([
  ['a wrong token', 'nonsense', '4500 unauthorized: token is not valid'],
  ['a token of another user', tokenFor('client2'), '4500 unauthorized: token is not for this access_id'],
  ['an expired token', token({ sub: 'client1', exp: 1 }), '4005 token expired'],
])('%s renews nothing and ends the connection', async (_what, text, expected) => {
  const { url } = await start();
  const client = await SocketClient.subscribe(url, { ...withToken(tokenFor('client1')), timestamp: 0 });
  client.send({ token: text });
  const { code, reason } = await client.closed();
  expect(`${code} ${reason}`).toBe(expected);
});

test('messages that renew nothing are ignored, and renewals count for the flood guard', async () => {
  const { url } = await start();
  const client = await SocketClient.subscribe(url, { ...withToken(tokenFor('client1')), timestamp: 0 });
  for (const message of ['', 'null', '[]', '{"token":1}', '{"access_id":"x"}', '{"token"'])
    client.send(message);
  await pushed(url, [event('client1', 1, 'still here')]);
  await client.untilEvents(1);
  const renewal = { token: tokenFor('client1') };
  for (let i = 0; i < 60; i++) client.send(renewal);
  expect((await client.closed()).code).toBe(4013);
});
