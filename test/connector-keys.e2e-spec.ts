import { createHash } from 'node:crypto';
import { afterEach, expect, test } from '@jest/globals';
import { drop, event, get, json, push, send, type ErrorAnswer } from './support/http.js';
import { RawSocket } from './support/raw-socket.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';

const PUSHER = 'pusher-key-of-16-and-more';
const OPERATOR = 'operator-key-of-16-and-more';
const HASHED = 'key-that-only-its-owner-knows';
const SHA256 = createHash('sha256').update(HASHED).digest('hex');
const KEYS = `shop:${PUSHER}:push,ops:${OPERATOR}:drop+read,hidden:sha256=${SHA256}:push+drop+read`;

/** The spelling goes through Express, and `/push_events` does not. */
const PUSH_PATHS = ['/push_events', '/push_events/'];

const JSON_HEADERS = 'Content-Type: application/json\r\n';

let running: RunningApp | undefined;

afterEach(async () => {
  await running?.close();
  running = undefined;
});

async function start(environment: Readonly<Record<string, string>> = {}): Promise<string> {
  running = await startApp({
    NOTIFIER_AUTH: 'none',
    HOST: '127.0.0.1',
    NOTIFIER_API_KEYS: KEYS,
    ...environment,
  });
  return running.url;
}

function bearer(key: string): { Authorization: string } {
  return { Authorization: `Bearer ${key}` };
}

function pushTo(url: string, path: string, headers: object, events: object[] = [event('client1', 1, 'x')]) {
  return send(url, path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(events),
  });
}

async function storedEvents(url: string): Promise<number> {
  const answer = await get(url, '/clients?access_id=client1', bearer(HASHED));
  return (json(answer) as { log: { events: number } }).log.events;
}

test.each(PUSH_PATHS)('POST %s takes a known key, by either header', async (path) => {
  const url = await start();
  for (const headers of [
    bearer(PUSHER),
    { authorization: `bearer   ${PUSHER}` },
    { 'X-API-Key': PUSHER },
    { 'X-API-Key': PUSHER, Authorization: 'Basic dXNlcjpwYXNz' },
    bearer(HASHED),
  ]) {
    expect((await pushTo(url, path, headers)).text).toBe('true');
  }
});

test.each(PUSH_PATHS)(
  'POST %s with no key or a wrong one is answered 401, and stores nothing',
  async (path) => {
    const url = await start();
    for (const headers of [
      {},
      bearer('wrong'),
      bearer(''),
      bearer(`${PUSHER} `.repeat(2)),
      bearer(PUSHER.slice(0, -1)),
      bearer(PUSHER.toUpperCase()),
      bearer(SHA256),
      bearer(`sha256=${SHA256}`),
      bearer('shop'),
      { Authorization: PUSHER },
      { Authorization: `Basic ${PUSHER}` },
      { 'X-API-Key': 'x'.repeat(7000) },
    ]) {
      const answer = await pushTo(url, path, headers);
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer');
      expect((json(answer) as ErrorAnswer).error).toBe('Unauthorized');
    }
    const query = await pushTo(url, `${path}?token=${PUSHER}&api_key=${PUSHER}`, {});
    expect(query.status).toBe(401);
    expect(await storedEvents(url)).toBe(0);
  },
);

test.each(PUSH_PATHS)('POST %s with a key that may not push is answered 403', async (path) => {
  const url = await start();
  const answer = await pushTo(url, path, bearer(OPERATOR));
  expect(answer.status).toBe(403);
  expect((json(answer) as ErrorAnswer).message).toBe('the API key may not push');
  expect(await storedEvents(url)).toBe(0);
});

test('a refusal does not wait for the body', async () => {
  const url = await start();
  const raw = await RawSocket.connect(url);
  raw.write(
    `POST /push_events HTTP/1.1\r\nHost: 127.0.0.1\r\n${JSON_HEADERS}Content-Length: 1000000\r\n\r\n[`,
  );
  await raw.until(({ statuses }) => statuses.length > 0);
  expect(raw.statuses).toEqual([401]);
  await raw.ended();
});

test.each([
  ['for its key', 401, ''],
  ['for its length', 413, `X-API-Key: ${PUSHER}\r\n`],
])('a refusal %s ends with the body where that comes', async (_why, status, key) => {
  const url = await start({ NOTIFIER_MAX_BODY: '2' });
  const [waits, ends] = [await RawSocket.connect(url), await RawSocket.connect(url)];
  const begun =
    `POST /push_events HTTP/1.1\r\nHost: 127.0.0.1\r\n${JSON_HEADERS}${key}` +
    'Transfer-Encoding: chunked\r\n\r\n3\r\n[ ]\r\n';
  waits.write(begun);
  ends.write(`${begun}0\r\n\r\n`);
  await ends.ended();
  expect([ends.statuses, waits.statuses]).toEqual([[status], [status]]);
  expect(waits.isEnded).toBe(false);
  await waits.ended();
});

test('each scope opens what it names, and only that', async () => {
  const url = await start();
  const statusesWith = async (headers: object) => [
    (await push(url, [], { ...headers })).status,
    (await drop(url, 'client1', { ...headers })).status,
    (await get(url, '/clients', { ...headers })).status,
    (await get(url, '/clients?access_id=client1', { ...headers })).status,
  ];
  expect(await statusesWith(bearer(PUSHER))).toEqual([200, 403, 403, 403]);
  expect(await statusesWith(bearer(OPERATOR))).toEqual([403, 200, 200, 200]);
  expect(await statusesWith(bearer(HASHED))).toEqual([200, 200, 200, 200]);
  expect(await statusesWith({})).toEqual([401, 401, 401, 401]);
});

test('health checks are open', async () => {
  const url = await start();
  expect((await get(url, '/health/live')).status).toBe(200);
  expect((await get(url, '/health/ready')).status).toBe(200);
});

test('a health check of HTTP/1.0 needs no Host', async () => {
  const raw = await RawSocket.connect(await start({ NOTIFIER_JWT_SECRET: 's'.repeat(32) }));
  raw.write('GET /health/live HTTP/1.0\r\n\r\n');
  await raw.ended();
  expect(raw.statuses).toEqual([200]);
});

test('idempotency keys are each connector’s own, over HTTP and WebSocket alike', async () => {
  const url = await start();
  const pushWith = (key: string, payload: string) =>
    push(url, [event('client1', 1, payload)], { ...bearer(key), 'Idempotency-Key': 'one' });
  expect((await pushWith(PUSHER, 'a')).text).toBe('true');
  expect((await pushWith(PUSHER, 'a')).text).toBe('true');
  expect((await pushWith(PUSHER, 'b')).status).toBe(422);
  expect((await pushWith(HASHED, 'b')).text).toBe('true');
  expect(await storedEvents(url)).toBe(2);
  const socket = await SocketClient.connect(`${url}/push_events`, { headers: bearer(PUSHER) });
  socket.send({ idempotency_key: 'one', events: [event('client1', 1, 'a')] });
  socket.send({ idempotency_key: 'one', events: [event('client1', 1, 'c')] });
  await socket.until((c) => c.texts.length === 2);
  expect(socket.texts[0]).toBe('true');
  expect((socket.messages[1] as ErrorAnswer).statusCode).toBe(422);
  expect(await storedEvents(url)).toBe(2);
});

test('the push WebSocket asks for the key in its handshake', async () => {
  const url = `${await start()}/push_events`;
  expect((await SocketClient.refusal(url)).status).toBe(401);
  expect((await SocketClient.refusal(url, { headers: bearer('wrong') })).status).toBe(401);
  expect((await SocketClient.refusal(url, { headers: bearer(OPERATOR) })).status).toBe(403);
  const socket = await SocketClient.connect(url, { headers: { 'X-API-Key': PUSHER } });
  socket.send([event('client1', 1, 'x')]);
  await socket.until((c) => c.texts.length === 1);
  expect(socket.texts).toEqual(['true']);
});

test('a key is no token, and a token no key', async () => {
  const url = await start({ NOTIFIER_JWT_SECRET: 's'.repeat(32) });
  const client = await SocketClient.refusal(url, { headers: bearer(PUSHER) });
  expect(client.status).toBe(401);
});

test.each(PUSH_PATHS)('POST %s over the rate is answered 429 and says when to come back', async (path) => {
  const url = await start({ NOTIFIER_RATE_LIMIT: '3' });
  // Larger than the bucket: taken from a full one, and it leaves a debt of 297 events.
  expect((await pushTo(url, path, bearer(PUSHER), manyEvents(300))).text).toBe('true');
  const refused = await pushTo(url, path, bearer(PUSHER), manyEvents(1));
  expect(refused.status).toBe(429);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(50);
  expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(100);
  // An empty push takes nothing, and another key has a bucket of its own.
  expect((await pushTo(url, path, bearer(PUSHER), [])).text).toBe('true');
  expect((await pushTo(url, path, bearer(HASHED), manyEvents(3))).text).toBe('true');
  expect(await storedEvents(url)).toBe(303);
});

test('the rate is one for all ways of a key, and comes back by itself', async () => {
  const url = await start({ NOTIFIER_RATE_LIMIT: '10' });
  const ten = Array.from({ length: 10 }, (_, i) => event('client1', i, 'x'));
  expect((await push(url, ten, bearer(PUSHER))).text).toBe('true');
  const socket = await SocketClient.connect(`${url}/push_events`, { headers: bearer(PUSHER) });
  socket.send([...ten, ...ten]);
  await socket.until((c) => c.texts.length === 1);
  expect(socket.messages[0]).toMatchObject({
    statusCode: 429,
    error: 'Too Many Requests',
    message: 'more events a second than allowed, try again in 1 s',
  });
  await eventually(
    async () => (await push(url, ten, bearer(PUSHER))).status === 200,
    'the bucket is full again',
  );
});

test('without keys the rate is per address, as a trusted proxy names it', async () => {
  const url = await start({
    NOTIFIER_API_KEYS: '',
    NOTIFIER_RATE_LIMIT: '1',
    NOTIFIER_TRUST_PROXY: 'loopback',
  });
  const many = Array.from({ length: 100 }, (_, i) => event('client1', i, 'x'));
  const from = (address: string) => push(url, many, { 'X-Forwarded-For': address });
  expect((await from('203.0.113.1')).status).toBe(200);
  expect((await from('203.0.113.1')).status).toBe(429);
  expect((await from('203.0.113.2')).status).toBe(200);
  expect((await from('198.51.100.9, 203.0.113.1')).status).toBe(429);
});

function manyEvents(count: number): object[] {
  return Array.from({ length: count }, (_, i) => event('client1', i, 'x'));
}
