import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { EventStream } from './support/event-stream.js';
import { Figures } from './support/figures.js';
import { drop, event, get, push } from './support/http.js';
import { outcome, withToken } from './support/outcome.js';
import { SocketClient } from './support/socket-client.js';
import { startServer, type ServerProcess } from './support/start-server.js';
import { SECRET, tokenFor } from './support/tokens.js';
import { eventually } from './support/wait.js';

const PUSHER = 'pusher-key-of-16-and-more';
const OPERATOR = 'operator-key-of-16-and-more';

let server: ServerProcess;

beforeEach(async () => {
  server = await startServer({
    HOST: '127.0.0.1',
    NOTIFIER_JWT_SECRET: SECRET,
    NOTIFIER_API_KEYS: `shop:${PUSHER}:push,ops:${OPERATOR}:read`,
    NOTIFIER_MAX_CONNECTIONS: '2',
  });
});

afterEach(() => server.kill());

interface Line {
  readonly level: number;
  readonly context: string;
  readonly msg: string;
}

const lines = () =>
  server.stderr
    .split('\n')
    .filter((line) => line.includes('"RefusalLog"'))
    .map((line) => JSON.parse(line) as Line);

/** Waits for a line in the log. */
async function says(msg: string, fields: object): Promise<void> {
  await eventually(() => lines().some((line) => line.msg === msg), `"${msg}" in ${server.stderr}`);
  const line = lines().find((l) => l.msg === msg);
  expect(line).toMatchObject({ level: 40, address: '127.0.0.1', ...fields });
}

const withKey = (key: string) => ({ Authorization: `Bearer ${key}` });

test('what connectors and operators are refused is in the log, with the name of the key', async () => {
  const { url } = server;
  expect((await push(url, [])).status).toBe(401);
  await says('refused a push: an API key is missing', { code: 401 });
  expect((await push(url, '[{"accessid":"client1"}]', withKey(PUSHER))).status).toBe(400);
  await says('refused a push: events[0].created_at must be an integer (it is missing)', {
    code: 400,
    connector: 'shop',
  });
  expect((await drop(url, 'client1', withKey(PUSHER))).status).toBe(403);
  await says('refused a drop: the API key may not drop', { code: 403 });
  expect((await get(url, '/clients', withKey(PUSHER))).status).toBe(403);
  await says('refused a request: the API key may not read', { code: 403 });
});

test('what a push WebSocket is refused is in the log', async () => {
  const pushes = server.url.replace('http', 'ws') + '/push_events';
  expect((await SocketClient.refusal(pushes)).status).toBe(401);
  await says('refused a handshake: an API key is missing', { code: 401 });
  const connector = new WebSocket(pushes, { headers: withKey(PUSHER) });
  connector.once('open', () => connector.send('[{'));
  await new Promise((resolve) => connector.once('message', resolve));
  connector.terminate();
  await says('refused a push: body must be valid JSON', { code: 400, connector: 'shop' });
});

test('what subscribers are refused is in the log, with the user as far as it is known', async () => {
  const { url } = server;
  expect(await outcome(url, withToken('no token'))).toMatch(/^4500/);
  await eventually(() => lines().length === 1, 'a line');
  expect(lines()[0]).toMatchObject({ code: 4500, access_id: 'client1' });
  expect(lines()[0]!.msg).toMatch(/^refused a connection: unauthorized: ./);
  expect(await outcome(url, { access_id: '', token: tokenFor('client1') })).toMatch(/^4501/);
  await eventually(() => lines().length === 2, 'another line');
  expect(lines()[1]).not.toHaveProperty('access_id');
  expect((await SocketClient.refusal(url, { headers: { Origin: 'http://localhost:3000' } })).status).toBe(
    403,
  );
  await says('refused a handshake: Origin is not allowed', { code: 403 });
  const stream = await EventStream.open(url, { access_id: 'client1', timestamp: '0', token: 'no token' });
  expect(stream.status).toBe(401);
  await eventually(() => lines().some(({ msg }) => msg.startsWith('refused a request: unauthorized')), 'it');
});

test('that there are too many connections is in the log once', async () => {
  const { url } = server;
  const token = tokenFor('client1');
  const subscribe = () => SocketClient.subscribe(url, { ...withToken(token), timestamp: 0 });
  const clients = [await subscribe(), await subscribe()];
  for (let i = 0; i < 5; i++) expect((await (await subscribe()).closed()).code).toBe(1013);
  await says('refused a connection: try again later: too many connections', { code: 1013 });
  expect(lines()).toHaveLength(1);
  for (const client of clients) client.ws.terminate();
});

test('a stream that is refused is in the log once', async () => {
  const { url } = server;
  const query = { access_id: 'client1', timestamp: '0', token: 'no token' };
  expect((await EventStream.open(url, query)).status).toBe(401);
  // By then, all that was to be said of the stream has been.
  expect((await push(url, [])).status).toBe(401);
  await says('refused a push: an API key is missing', { code: 401 });
  expect(lines().map(({ msg }) => msg.split(':')[0])).toEqual(['refused a request', 'refused a push']);
});

test('errors are counted by their status', async () => {
  const { url } = server;
  await push(url, []);
  await push(url, [event('client1', 1, 'x')], withKey('wrong-key-of-16-and-more'));
  await get(url, '/nowhere');
  await get(url, '/clients', withKey(PUSHER));
  const figures = await Figures.of(url, withKey(OPERATOR));
  const errors = (status: number) => figures.value(`notifier_errors_answered_total{status="${status}"}`);
  expect([400, 401, 403, 404].map(errors)).toEqual([0, 2, 1, 1]);
});
