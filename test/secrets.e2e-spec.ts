import { afterEach, expect, test } from '@jest/globals';
import { drop, event, push } from './support/http.js';
import { outcome, withToken } from './support/outcome.js';
import { OwnServer } from './support/own-server.js';
import { SocketClient } from './support/socket-client.js';
import { startServer, type ServerProcess } from './support/start-server.js';
import { SECRET, tokenFor } from './support/tokens.js';
import { eventually } from './support/wait.js';

const KEY = 'the-key-of-the-shop-and-nobody-else';
const PAYLOAD = 'a payload that is nobody’s business';

let server: ServerProcess | undefined;
let asked: OwnServer | undefined;

afterEach(async () => {
  await server?.kill();
  asked?.close();
});

function start(environment: Readonly<Record<string, string>>): Promise<ServerProcess> {
  return startServer({
    HOST: '127.0.0.1',
    NOTIFIER_LOG_LEVEL: 'trace',
    NOTIFIER_API_KEYS: `shop:${KEY}:push+drop`,
    NOTIFIER_RATE_LIMIT: '1',
    ...environment,
  });
}

/** Does with a server what leaves traces in logs. */
async function use(url: string, right: string, wrong: string): Promise<void> {
  expect(await outcome(url, withToken(right))).toBe('subscribed');
  expect(await outcome(url, withToken(wrong))).toMatch(/^4500/);
  const client = await SocketClient.subscribe(url, { ...withToken(right), last_event_id: null });
  await client.until((c) => c.hasReachedHead);
  const headers = { 'X-API-Key': KEY };
  // More than the bucket holds: it is in debt for a minute.
  const many = Array.from({ length: 60 }, () => event('client1', 1, PAYLOAD));
  expect((await push(url, many, headers)).status).toBe(200);
  expect((await push(url, [event('client1', 1, PAYLOAD)], headers)).status).toBe(429);
  expect((await push(url, [], { 'X-API-Key': `${KEY}-wrong` })).status).toBe(401);
  expect((await push(url, [], { Authorization: `Bearer ${KEY}-wrong` })).status).toBe(401);
  expect((await drop(url, 'client1', headers)).text).toBe('true');
  expect((await client.closed()).code).toBe(4503);
}

function expectDiscreet(log: string, secrets: readonly string[]): void {
  expect(log).toContain('dropped a user');
  expect(log).toContain('"connector":"shop"');
  for (const secret of [...secrets, KEY, PAYLOAD]) expect(log).not.toContain(secret);
}

test('no token, key or payload is ever logged, at any level', async () => {
  server = await start({ NOTIFIER_JWT_SECRET: SECRET });
  const [right, wrong] = [tokenFor('client1'), tokenFor('client2')];
  await use(server.url, right, wrong);
  const headers = { Authorization: `Bearer ${wrong}x` };
  expect((await SocketClient.refusal(server.url, { headers })).status).toBe(401);
  await server.stop();
  const signatures = [right, wrong].map((token) => token.split('.')[2]!);
  expectDiscreet(server.stderr, [right, wrong, ...signatures, SECRET]);
});

test('a token that is asked about is not logged either, and an outage is one line', async () => {
  asked = await OwnServer.listen();
  asked.answer = (response, { body }) => response.writeHead(body.includes('right') ? 200 : 403).end();
  server = await start({ NOTIFIER_AUTH_URL: `${asked.url}/may?secret=of-the-url` });
  await use(server.url, 'a-token-that-is-right', 'a-token-that-is-not');
  asked.answer = (response) => response.writeHead(500).end('a-token-that-is-right');
  for (let i = 0; i < 3; i++) expect(await outcome(server.url, withToken('a-token-x'))).toMatch(/^1013/);
  asked.answer = (response) => response.end();
  expect(await outcome(server.url, withToken('a-token-x'))).toBe('subscribed');
  await eventually(() => server!.stderr.includes('answers again'), 'the end of the outage is logged');
  await server.stop();
  expectDiscreet(server.stderr, ['a-token', 'of-the-url']);
  expect(server.stderr.match(/"AskingAuthenticator","msg":"the authenticator does not/g)).toHaveLength(1);
});
