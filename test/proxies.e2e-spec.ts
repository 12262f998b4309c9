import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { BUILD_MS, builtEntry } from './support/build.js';
import { EventStream } from './support/event-stream.js';
import { event, get, json, push, send, type Answer } from './support/http.js';
import { Listener } from './support/listener.js';
import { OwnServer } from './support/own-server.js';
import { ProxyProcess, type ProxyKind } from './support/proxy-process.js';
import { freePort, RedisProcess } from './support/redis-server.js';
import { SocketClient } from './support/socket-client.js';
import { spawnServer, type ServerProcess } from './support/start-server.js';
import { eventually } from './support/wait.js';
import { untilReady } from './support/ready.js';

/** As a proxy would see somebody else's machine: all of 127.0.0.0/8 is this one. */
const ELSEWHERE = '127.0.0.5';

interface Connection {
  readonly node: string;
  readonly address?: string;
}

interface Explained {
  readonly connections: readonly Connection[];
}

let redis: RedisProcess;
const clients: { close(): unknown }[] = [];

beforeAll(async () => {
  await builtEntry();
  redis = await RedisProcess.start();
}, BUILD_MS);
afterAll(() => redis.remove());
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

/** An address where nobody answers. */
const nowhere = async () => `http://127.0.0.1:${await freePort()}`;

async function startNode(prefix: string): Promise<ServerProcess> {
  const node = await spawnServer({
    HOST: '127.0.0.1',
    NOTIFIER_AUTH: 'none',
    NOTIFIER_STORE: 'redis',
    NOTIFIER_REDIS_URL: redis.url,
    NOTIFIER_REDIS_PREFIX: prefix,
    NOTIFIER_TRUST_PROXY: '1',
    // Long enough for the proxy to notice, and for the test to see that it has.
    NOTIFIER_SHUTDOWN_DELAY: '120',
    NOTIFIER_SHUTDOWN_GRACE: '121',
  });
  await node.listening();
  await untilReady(node.url);
  return node;
}

async function subscribe(
  url: string,
  accessId: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<SocketClient> {
  const first = { access_id: accessId, last_event_id: null };
  const client = await SocketClient.subscribe(url, first, { localAddress: ELSEWHERE, headers });
  clients.push({ close: () => client.terminate() });
  await client.until(({ hasReachedHead }) => hasReachedHead);
  return client;
}

async function connectionOf(url: string, accessId: string): Promise<Connection> {
  let connection: Connection | undefined;
  await eventually(async () => {
    const { connections } = json(await get(url, `/clients?access_id=${accessId}`)) as Explained;
    [connection] = connections;
    return connection !== undefined;
  }, `${accessId} is connected`);
  return connection!;
}

/** Pushes as a connector does that repeats what was not taken, under one key. */
async function pushUntilTaken(url: string, accessId: string, number: number): Promise<void> {
  const key = { 'Idempotency-Key': `${accessId}-${number}` };
  const pushOnce = () => push(url, [event(accessId, number, number)], key).catch(() => undefined);
  await eventually(async () => (await pushOnce())?.text === 'true', `push ${number} is taken`);
}

describe.each<ProxyKind>(['nginx', 'haproxy', 'caddy'])('two nodes behind %s, a third one down', (kind) => {
  const nodes: ServerProcess[] = [];
  let proxy: ProxyProcess | undefined;
  let url: string;

  beforeAll(async () => {
    nodes.push(...(await Promise.all([startNode(kind), startNode(kind)])));
    proxy = await ProxyProcess.start(kind, [nodes[0]!.url, await nowhere(), nodes[1]!.url]);
    ({ url } = proxy);
  }, 120_000);
  afterAll(async () => {
    await proxy?.remove();
    await Promise.all(nodes.map((node) => node.kill()));
  });

  it('WebSockets, server-sent events and pushes of both kinds pass, and nothing waits in a buffer', async () => {
    const socket = await subscribe(url, 'alice');
    const stream = await EventStream.open(url, { access_id: 'alice', timestamp: '0' });
    clients.push(stream);
    const connector = await SocketClient.connect(`${url}/push_events`);
    clients.push({ close: () => connector.terminate() });
    const large = 'x'.repeat(200_000);
    expect((await push(url, [event('alice', 1, 'small'), event('alice', 2, large)])).text).toBe('true');
    connector.send([event('alice', 3, 'pushed over a WebSocket')]);
    expect(await stream.payloads(3)).toEqual(['small', large, 'pushed over a WebSocket']);
    await socket.untilEvents(3);
    await connector.until(({ texts }) => texts.length > 0);
    expect(connector.texts).toEqual(['true']);
  });

  it('a body up to the limit arrives whole, and one beyond is refused by the notifier', async () => {
    const events = Array.from({ length: 5 }, (_, i) => event('bob', i, 'x'.repeat(200_000)));
    expect((await push(url, events)).text).toBe('true');
    const refused = await push(url, [...events, ...events]).catch(() => undefined);
    // Some proxies cut a connection whose body nobody wants any more before its client has read the answer.
    if (refused) expect(json(refused)).toMatchObject({ statusCode: 413 });
  });

  it('the server sees the address of the client, whatever the client says', async () => {
    await subscribe(url, 'carol', { 'X-Forwarded-For': '203.0.113.9' });
    expect((await connectionOf(url, 'carol')).address).toBe(ELSEWHERE);
  });

  it('a node that is not ready is sent nobody, and when it is killed everybody goes on at the other', async () => {
    const listeners = [new Listener(url, { accessId: 'dave' })];
    listeners.push(new Listener(url, { accessId: 'dave', WebSocket: null }));
    clients.push(...listeners.map(({ subscription }) => subscription));
    for (const listener of listeners) await listener.isReported('open');
    for (let i = 1; i <= 10; i++) await pushUntilTaken(url, 'dave', i);

    // One that is connected to it directly keeps it from going at once.
    await subscribe(nodes[0]!.url, 'erin');
    const leaving = (await connectionOf(url, 'erin')).node;
    nodes[0]!.signal('SIGTERM');
    await eventually(async () => (await get(nodes[0]!.url, '/health/ready')).status === 503, 'it is leaving');
    let user = 0;
    let inARow = 0;
    await eventually(async () => {
      const accessId = `user${++user}`;
      await subscribe(url, accessId);
      inARow = (await connectionOf(url, accessId)).node === leaving ? 0 : inARow + 1;
      return inARow === 5;
    }, 'five subscriptions in a row go to the other node');

    await nodes[0]!.kill();
    for (let i = 11; i <= 30; i++) await pushUntilTaken(url, 'dave', i);
    const everything = Array.from({ length: 30 }, (_, i) => i + 1);
    for (const listener of listeners) expect(await listener.gets(30)).toEqual(everything);
  }, 120_000);
});

describe.each<[ProxyKind, boolean]>([
  ['nginx', true],
  ['haproxy', true],
  ['caddy', false],
])('a push that fails on one of three nodes behind %s', (kind, repeatsWithKey) => {
  let nodes: OwnServer[];
  let proxy: ProxyProcess | undefined;

  const pushes = () => nodes.flatMap(({ asked }) => asked).filter(({ method }) => method === 'POST').length;

  beforeAll(async () => {
    nodes = await Promise.all([OwnServer.listen(), OwnServer.listen(), OwnServer.listen()]);
    proxy = await ProxyProcess.start(kind, [nodes[0]!.url, nodes[1]!.url, nodes[2]!.url]);
  }, 120_000);
  afterAll(async () => {
    await proxy?.remove();
    for (const node of nodes) node.close();
  });

  /** Pushes a few times, so that the node that fails has its turn. */
  async function pushSome(headers: Readonly<Record<string, string>> = {}): Promise<number[]> {
    const answers: Promise<Pick<Answer, 'status'>>[] = [];
    for (let i = 0; i < 12; i++) {
      const answer = send(proxy!.url, '/push_events', { method: 'POST', headers, body: '[]' });
      answers.push(answer.catch(() => ({ status: 0 })));
      await answer.catch(() => undefined);
    }
    return (await Promise.all(answers)).map(({ status }) => status);
  }

  it.each([
    ['answers 503', (response: Parameters<OwnServer['answer']>[0]) => void response.writeHead(503).end()],
    ['hangs up', (response: Parameters<OwnServer['answer']>[0]) => void response.socket!.destroy()],
  ])('is sent to no other node where the node %s, unless it has an Idempotency-Key', async (_, fail) => {
    nodes[1]!.answer = (response, { method }) => (method === 'POST' ? fail(response) : response.end());
    const before = pushes();
    let sent = 0;
    await eventually(async () => {
      sent += 12;
      return new Set(await pushSome()).size === 2;
    }, 'some fail');
    expect(pushes() - before).toBe(sent);
    const statuses = new Set(await pushSome({ 'Idempotency-Key': 'one' }));
    if (repeatsWithKey) expect(statuses).toEqual(new Set([200]));
    else expect(pushes() - before).toBe(sent + 12);
  });
});
