import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { AskingAuthenticator } from '../src/auth/asking-authenticator.js';
import { Authenticator } from '../src/notifier/authenticator.js';
import { drop, event, get, json, pushed } from './support/http.js';
import { outcome, withToken } from './support/outcome.js';
import { OwnServer } from './support/own-server.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { startServer } from './support/start-server.js';
import { eventually } from './support/wait.js';

const UNANSWERED = '1013 try again later: the authenticator does not answer';

let asked: OwnServer;
let running: RunningApp | undefined;

beforeEach(async () => {
  asked = await OwnServer.listen();
});

afterEach(async () => {
  await running?.close();
  running = undefined;
  asked.close();
});

async function start(environment: Readonly<Record<string, string>> = {}, answerMs?: number): Promise<string> {
  const own = {
    NOTIFIER_AUTH: 'none',
    HOST: '127.0.0.1',
    NOTIFIER_AUTH_URL: `${asked.url}/may`,
    ...environment,
  };
  const useFactory = () => new AskingAuthenticator(new URL(own.NOTIFIER_AUTH_URL), answerMs);
  running = await startApp(own, answerMs === undefined ? [] : [{ provide: Authenticator, useFactory }]);
  return running.url;
}

function answerWith(status: number, headers: Record<string, string> = {}): void {
  asked.answer = (response) => response.writeHead(status, headers).end('an answer of some length');
}

test('who may is asked with the access id, the token and the address, and nothing else', async () => {
  const url = await start();
  expect(await outcome(url, withToken('opaque "token"', 'cliént'))).toBe('subscribed');
  const [{ method, path, headers, body }] = asked.asked as [OwnServer['asked'][number]];
  expect([method, path, headers['content-type']]).toEqual(['POST', '/may', 'application/json']);
  expect(JSON.parse(body)).toEqual({ access_id: 'cliént', token: 'opaque "token"', ip: '127.0.0.1' });
});

test('behind a trusted proxy the address is the one that the proxy names', async () => {
  const url = await start({ NOTIFIER_TRUST_PROXY: 'loopback' });
  await outcome(url, withToken('t'), { 'X-Forwarded-For': '198.51.100.1, 203.0.113.7' });
  expect((JSON.parse(asked.asked[0]!.body) as { ip: string }).ip).toBe('203.0.113.7');
});

test.each([
  [200, 'subscribed'],
  [204, 'subscribed'],
  [299, 'subscribed'],
  [301, UNANSWERED],
  [400, UNANSWERED],
  [401, '4500 unauthorized'],
  [403, '4500 unauthorized'],
  [404, UNANSWERED],
  [429, UNANSWERED],
  [500, UNANSWERED],
])('an answer of %i ends in: %s', async (status, expected) => {
  answerWith(status);
  expect(await outcome(await start(), withToken('t'))).toBe(expected);
});

test('an answer that is neither yes nor no is in the log, once', async () => {
  answerWith(404);
  const server = await startServer({ NOTIFIER_AUTH_URL: `${asked.url}/may`, HOST: '127.0.0.1' });
  for (let i = 0; i < 2; i++) expect(await outcome(server.url, withToken('t'))).toBe(UNANSWERED);
  await server.stop();
  expect(server.stderr.match(/the authenticator answers 404, which is neither yes/g)).toHaveLength(1);
});

test('that it stops answering, and that it answers again, is in the log once', async () => {
  const server = await startServer({ NOTIFIER_AUTH_URL: `${asked.url}/may`, HOST: '127.0.0.1' });
  for (const status of [500, 503, 403, 200]) {
    answerWith(status);
    await outcome(server.url, withToken('t'));
  }
  await server.stop();
  expect(server.stderr.match(/"msg":"the authenticator [^"]+/g)).toEqual([
    '"msg":"the authenticator does not answer: status 500',
    '"msg":"the authenticator answers again',
  ]);
});

test('a redirect is not followed', async () => {
  answerWith(307, { Location: `${asked.url}/elsewhere` });
  expect(await outcome(await start(), withToken('t'))).toBe(UNANSWERED);
  expect(asked.asked.map(({ path }) => path)).toEqual(['/may']);
});

test('without a token nobody is asked', async () => {
  expect(await outcome(await start(), { access_id: 'client1' })).toBe('4500 unauthorized: token is missing');
  expect(asked.asked).toEqual([]);
});

test('an access id cannot be left out: only its service can read the token', async () => {
  expect(await outcome(await start(), { token: 't' })).toMatch(/^4501 invalid subscription: access_id/);
});

function bearer(token: string): Record<string, string> {
  return { Authorization: `Bearer ${token}` };
}

test('a token on the handshake is judged with the first message', async () => {
  asked.answer = (response, { body }) => response.writeHead(body.includes('"right"') ? 200 : 401).end();
  const url = await start();
  expect(await outcome(url, { access_id: 'client1' }, bearer('right'))).toBe('subscribed');
  expect(await outcome(url, { access_id: 'client1' }, bearer('wrong'))).toBe('4500 unauthorized');
});

test.each<[string, OwnServer['answer']]>([
  ['never answers', () => undefined],
  ['hangs up', (response) => response.destroy()],
])('a service that %s is told from a denial', async (_what, answer) => {
  asked.answer = answer;
  expect(await outcome(await start({}, 500), withToken('t'))).toBe(UNANSWERED);
});

test('a service whose answer never ends has answered all the same', async () => {
  asked.answer = (response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write('x'.repeat(10_000)), 5);
    response.on('close', () => clearInterval(timer));
  };
  expect(await outcome(await start({}, 2000), withToken('t'))).toBe('subscribed');
  await eventually(() => asked.open === 0, 'the rest of the answer is given up');
});

test('the connection of an answer is used again, however much it says', async () => {
  const connections = new Set<unknown>();
  asked.answer = (response) => {
    connections.add(response.socket);
    response.end('x'.repeat(60_000));
  };
  const url = await start();
  for (let i = 0; i < 5; i++) expect(await outcome(url, withToken('t'))).toBe('subscribed');
  expect(connections.size).toBe(1);
});

test('at most 64 questions are open at once, and all get their answers', async () => {
  const held: (() => void)[] = [];
  asked.answer = (response) => void held.push(() => response.end());
  const url = await start();
  const clients = await Promise.all(
    Array.from({ length: 100 }, (_, i) =>
      SocketClient.subscribe(url, { ...withToken('t', `client${i}`), last_event_id: null }),
    ),
  );
  await eventually(() => held.length === 64, 'as many as may be are asked');
  expect(asked.open).toBe(64);
  asked.answer = (response) => response.end();
  for (const answer of held) answer();
  for (const client of clients) await client.until((c) => c.subscribed() !== undefined);
  expect(asked.mostOpen).toBe(64);
});

test('questions that wait too long for their turn are given up', async () => {
  asked.answer = () => undefined;
  const url = await start({}, 500);
  const outcomes = await Promise.all(
    Array.from({ length: 70 }, (_, i) => outcome(url, withToken('t', `client${i}`))),
  );
  expect(new Set(outcomes)).toEqual(new Set([UNANSWERED]));
  answerWith(200);
  expect(await outcome(url, withToken('t'))).toBe('subscribed');
});

test('a drop while the question is open ends the subscription, and nothing is delivered', async () => {
  const held: (() => void)[] = [];
  asked.answer = (response) => void held.push(() => response.end());
  const url = await start();
  await pushed(url, [event('client1', 10, 'secret')]);
  const client = await SocketClient.subscribe(url, { ...withToken('t'), timestamp: 0 });
  await eventually(() => held.length === 1, 'the question is open');
  expect(json(await get(url, '/clients'))).toMatchObject({ clients: [{ access_id: 'client1' }] });
  await drop(url, 'client1');
  for (const answer of held) answer();
  expect(await client.closed()).toEqual({ code: 4503, reason: 'dropped' });
  expect(client.texts).toEqual([]);
});

test('nothing is sent while the question is open, no heartbeat either', async () => {
  const held: (() => void)[] = [];
  asked.answer = (response) => void held.push(() => response.end());
  const url = await start({ NOTIFIER_HEARTBEAT: '1' });
  const client = await SocketClient.subscribe(url, { ...withToken('t'), last_event_id: null });
  await eventually(() => held.length === 1, 'the question is open');
  const asking = Date.now();
  await eventually(() => Date.now() - asking > 2500, 'two heartbeats are over');
  expect(client.texts).toEqual([]);
  for (const answer of held) answer();
  await client.until((c) => c.texts.length > 0);
  expect(client.subscribed()).toBeDefined();
  await client.until((c) => c.pings > 0);
});

test('a renewal is asked for: a denial ends the connection, no answer does not', async () => {
  const url = await start();
  const client = await SocketClient.subscribe(url, { ...withToken('first'), last_event_id: null });
  await client.until((c) => c.hasReachedHead);
  answerWith(500);
  client.send({ token: 'second' });
  await eventually(() => asked.asked.length === 2 && asked.open === 0, 'it is asked again');
  await pushed(url, [event('client1', 1, 'still here')]);
  await client.untilEvents(1);
  answerWith(403);
  client.send({ token: 'third' });
  expect(await client.closed()).toEqual({ code: 4500, reason: 'unauthorized' });
});
