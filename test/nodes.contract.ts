import { afterEach, expect, it } from '@jest/globals';
import { drop, event as eventOf, push, send } from './support/http.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';
import { isReady } from './support/ready.js';

const event = (accessId: string, createdAt: number) => eventOf(accessId, createdAt, createdAt);
const clients: SocketClient[] = [];
const nodes: RunningApp[] = [];
let prefixes = 0;

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.terminate()));
  await Promise.all(nodes.splice(0).map((node) => node.close()));
});

/** Starts nodes that share one Redis, under a prefix of their own. */
async function start(url: string, count: number, environment = {}): Promise<string[]> {
  const prefix = `notifier:nodes${++prefixes}`;
  for (let i = 0; i < count; i++) {
    const redis = { NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: url, NOTIFIER_REDIS_PREFIX: prefix };
    nodes.push(await startApp({ ...redis, ...environment }));
  }
  for (const node of nodes) await eventually(() => isReady(node.url), 'the node is ready');
  return nodes.map((node) => node.url);
}

async function subscribe(url: string, first: object): Promise<SocketClient> {
  const client = await SocketClient.subscribe(url, first);
  clients.push(client);
  return client;
}

async function listed(url: string): Promise<unknown> {
  return JSON.parse((await send(url, '/clients')).text);
}

/** What every Redis must do for several nodes. */
export function describeNodes(redisUrl: () => string): void {
  it('a push on one node reaches a subscriber on the other, at once and once', async () => {
    const [a, b] = await start(redisUrl(), 2);
    const client = await subscribe(b!, { access_id: 'alice', last_event_id: null });
    await client.until(({ hasReachedHead }) => hasReachedHead);
    for (let i = 1; i <= 50; i++)
      expect((await push(i % 2 ? a! : b!, [event('alice', i)])).text).toBe('true');
    await client.untilEvents(50);
    expect(client.payloads()).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
  });

  it('a client resumes on the other node exactly where it was', async () => {
    const [a, b] = await start(redisUrl(), 2);
    const first = await subscribe(a!, { access_id: 'alice', last_event_id: null });
    await first.until(({ hasReachedHead }) => hasReachedHead);
    await push(b!, [event('alice', 3), event('alice', 1)]);
    const id = (await first.untilEvents(1))[0]!.id!;
    await first.terminate();
    await push(a!, [event('alice', 2)]);
    const second = await subscribe(b!, { access_id: 'alice', last_event_id: id });
    await second.untilEvents(2);
    expect(second.payloads()).toEqual([1, 2]);
    expect(second.subscribed()).toMatchObject({ recovered: true, last_event_id: id });
  });

  it('a drop on one node ends the connections on the other', async () => {
    const [a, b] = await start(redisUrl(), 2);
    const client = await subscribe(b!, { access_id: 'alice', last_event_id: null });
    await client.until(({ hasReachedHead }) => hasReachedHead);
    expect((await drop(a!, 'alice')).text).toBe('true');
    expect(await client.closed()).toMatchObject({ code: 4503 });
    const later = await subscribe(b!, { access_id: 'alice', last_event_id: null });
    await later.until(({ hasReachedHead }) => hasReachedHead);
    await push(a!, [event('alice', 1)]);
    expect(await later.untilEvents(1)).toHaveLength(1);
  });

  it('every node lists the clients of all, and forgets those of a node that is gone', async () => {
    const [a, b] = await start(redisUrl(), 2);
    await subscribe(a!, { access_id: 'alice', timestamp: 0 });
    await subscribe(b!, { access_id: 'alice', timestamp: 0 });
    await subscribe(b!, { access_id: 'bob', timestamp: 0 });
    const both = [
      { access_id: 'alice', connections: 2 },
      { access_id: 'bob', connections: 1 },
    ];
    await eventually(async () => {
      const lists = await Promise.all([listed(a!), listed(b!)]);
      return lists.every((list) => JSON.stringify(list) === JSON.stringify({ clients: both, next: null }));
    }, 'both nodes list all');
    const explained = JSON.parse((await send(a!, '/clients?access_id=alice')).text) as {
      connections: { node: string }[];
    };
    expect(new Set(explained.connections.map(({ node }) => node)).size).toBe(2);
    await nodes.pop()!.close();
    const explains = () => send(a!, '/clients?access_id=bob');
    // Sooner than its lease is over.
    await eventually(
      async () => !(await explains()).text.includes('unknown'),
      'b is not asked any more',
      3000,
    );
    const alone = { clients: [{ access_id: 'alice', connections: 1 }], next: null };
    await eventually(
      async () => JSON.stringify(await listed(a!)) === JSON.stringify(alone),
      'b is forgotten',
    );
  });
}
