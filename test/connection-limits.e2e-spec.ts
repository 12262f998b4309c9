import { afterEach, describe, expect, test } from '@jest/globals';
import { event, get, json, pushed } from './support/http.js';
import { framesOf, TEXT } from './support/raw-frames.js';
import { RawWebSocket } from './support/raw-websocket.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';

const FIRST = { access_id: 'a', timestamp: 0 };

async function connectionsOf(url: string, accessId: string): Promise<number> {
  const answer = await get(url, `/clients?access_id=${accessId}`);
  return (json(answer) as { connections: object[] }).connections.length;
}

describe('the limits of connections', () => {
  let running: RunningApp;

  afterEach(() => running.close());

  async function start(environment: Record<string, string>): Promise<string> {
    running = await startApp(environment);
    return running.url;
  }

  test('a user has so many, and the newest takes the place of the oldest', async () => {
    const url = await start({ NOTIFIER_MAX_CONNECTIONS_PER_USER: '2' });
    const clients: SocketClient[] = [];
    for (let i = 0; i < 4; i++) {
      clients.push(await SocketClient.subscribe(url, { access_id: 'a', last_event_id: null }));
      await clients[i]!.until(({ hasReachedHead }) => hasReachedHead);
    }
    expect(await clients[0]!.closed()).toEqual({ code: 4504, reason: 'replaced' });
    expect(await clients[1]!.closed()).toEqual({ code: 4504, reason: 'replaced' });
    await pushed(url, [event('a', 1, 'x')]);
    for (const client of clients.slice(2)) await client.untilEvents(1);
    expect(clients[0]!.events()).toEqual([]);
    expect(await connectionsOf(url, 'a')).toBe(2);
  });

  test('the users of one server have theirs each', async () => {
    const url = await start({ NOTIFIER_MAX_CONNECTIONS_PER_USER: '1' });
    const clients = await Promise.all(
      ['a', 'b', 'c'].map((id) => SocketClient.subscribe(url, { access_id: id, last_event_id: null })),
    );
    for (const client of clients) await client.until(({ hasReachedHead }) => hasReachedHead);
    expect(clients.map(({ closeCode }) => closeCode)).toEqual([undefined, undefined, undefined]);
  });

  test('a server has so many, subscribed or not, and whoever comes then is told to come again', async () => {
    const url = await start({ NOTIFIER_MAX_CONNECTIONS: '2' });
    const silent = await SocketClient.connect(url);
    const pusher = await SocketClient.connect(`${url}/push_events`);
    const refused = await SocketClient.subscribe(url, FIRST);
    const refusedPusher = await SocketClient.connect(`${url}/push_events`);
    for (const client of [refused, refusedPusher]) {
      const { code, reason } = await client.closed();
      expect([code, reason]).toEqual([1013, 'try again later: too many connections']);
    }
    expect([silent.closeCode, pusher.closeCode]).toEqual([undefined, undefined]);
    expect(await connectionsOf(url, 'a')).toBe(0);
    await silent.close();
    await pusher.close();
    const admitted = await SocketClient.subscribe(url, { access_id: 'a', last_event_id: null });
    await admitted.until(({ hasReachedHead }) => hasReachedHead);
  });

  test('a client that says nothing is told so after the time that it has', async () => {
    const url = await start({ NOTIFIER_SUBSCRIBE_TIMEOUT: '1' });
    const client = await SocketClient.connect(url);
    const { code, reason } = await client.closed();
    expect([code, reason.startsWith('no subscription')]).toEqual([4002, true]);
  });

  test('a client that has subscribed may be silent', async () => {
    const url = await start({ NOTIFIER_SUBSCRIBE_TIMEOUT: '1' });
    const client = await SocketClient.subscribe(url, FIRST);
    const silent = await SocketClient.connect(url);
    await silent.closed();
    await pushed(url, [event('a', 1, 'x')]);
    await client.untilEvents(1);
    expect(client.closeCode).toBeUndefined();
  });

  test.each(['message', 'ping', 'pong'] as const)(
    '50 of a kind (%s) are heard, one more is a flood',
    async (kind) => {
      const url = await start({});
      const client = await SocketClient.subscribe(url, FIRST);
      await eventually(async () => (await connectionsOf(url, 'a')) === 1, 'the client has subscribed');
      const say = {
        message: () => client.send('x'),
        ping: () => client.ws.ping(),
        pong: () => client.ws.pong(),
      };
      for (let i = 0; i < 50; i++) say[kind]();
      await pushed(url, [event('a', 1, 'x')]);
      await client.untilEvents(1);
      expect(client.closeCode).toBeUndefined();
      say[kind]();
      expect(await client.closed()).toEqual({ code: 4013, reason: 'too many messages' });
    },
  );

  test.each([
    ['a binary message', 1003, (client: SocketClient) => client.ws.send(Buffer.from('{}'))],
    ['a message of more than 16 KiB', 1009, (client: SocketClient) => client.send('x'.repeat(16_385))],
    [
      'a message of more than 64 fragments',
      1008,
      (client: SocketClient) => {
        for (let i = 0; i < 65; i++) client.ws.send('x', { fin: false });
      },
    ],
  ])('%s ends a connection with %d, before and after the first message', async (_what, code, say) => {
    const url = await start({});
    const unsubscribed = await SocketClient.connect(url);
    const subscribed = await SocketClient.subscribe(url, FIRST);
    for (const client of [unsubscribed, subscribed]) {
      say(client);
      expect((await client.closed()).code).toBe(code);
    }
    await eventually(async () => (await connectionsOf(url, 'a')) === 0, 'nobody is left');
  });

  test('a push comes in as many fragments as its length takes, and in no more', async () => {
    const url = await start({ NOTIFIER_MAX_BODY: '262144' });
    const connector = await SocketClient.connect(`${url}/push_events`);
    const body = JSON.stringify([event('a', 1, 'x'.repeat(200_000))]);
    const fragments = body.match(/.{1,256}/g)!;
    fragments.forEach((text, i) => connector.ws.send(text, { fin: i === fragments.length - 1 }));
    await connector.until(({ texts }) => texts.length === 1);
    expect(connector.texts).toEqual(['true']);
    for (let i = 0; i < 1025; i++) connector.ws.send('x', { fin: false });
    expect((await connector.closed()).code).toBe(1008);
  });

  test('a first message in more than 512 packets ends a connection: each costs memory until it is whole', async () => {
    const url = await start({});
    const client = await RawWebSocket.open(url, '/subscribe_to_events', {});
    const bytes = framesOf([{ op: TEXT, data: ' '.repeat(4000) }]);
    for (let i = 0; i < bytes.length && client.closeCode === undefined; i++) {
      client.write(bytes.subarray(i, i + 1));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await client.closed()).toBe(1008);
    client.destroy();
  });

  test('a long push comes in as many packets as the network makes of it', async () => {
    const url = await start({ NOTIFIER_MAX_BODY: '2097152' });
    const connector = await RawWebSocket.open(url, '/push_events', {});
    const bytes = framesOf([{ op: TEXT, data: JSON.stringify([event('a', 1, 'x'.repeat(5000))]) }]);
    for (let i = 0; i < bytes.length; i++) {
      connector.write(bytes.subarray(i, i + 1));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await connector.raw.until(() => connector.texts.length === 1 || connector.closeCode !== undefined);
    expect(connector.texts).toEqual(['true']);
    connector.destroy();
  });

  test.each([
    ['{"access_id":"a"}', 'invalid subscription: timestamp must be an integer (it is missing)'],
    ['{"access_id":7,"timestamp":1}', 'invalid subscription: access_id must be a string'],
    ['{"access_id":"a","timestamp":"😀"}', 'invalid subscription: timestamp must be an integer'],
    ['[]', 'invalid subscription: the first message must be a JSON object'],
  ])('the first message %s is refused with the reason', async (first, reason) => {
    const url = await start({});
    const client = await SocketClient.connect(url);
    client.send(first);
    expect(await client.closed()).toEqual({ code: 4501, reason });
    expect(client.texts).toEqual([]);
  });
});
