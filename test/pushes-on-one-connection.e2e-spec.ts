import { afterEach, describe, expect, test } from '@jest/globals';
import { EventLog } from '../src/notifier/event-log.js';
import { get } from './support/http.js';
import { RawSocket } from './support/raw-socket.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { STORES, TestStore } from './support/test-store.js';

/** Pushes of one connection in ways in which they meet each other, or something else. */

/** A handshake but for its end, and for its host. */
const HANDSHAKE =
  'GET /subscribe_to_events HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

const HOST = 'Host: localhost\r\n';

const EVENT = '{"accessid":"client1","created_at":1,"payload":1}';

function pushOf(body: string): string {
  return (
    `POST /push_events HTTP/1.1\r\n${HOST}Content-Type: application/json\r\n` +
    `Content-Length: ${body.length}\r\n\r\n${body}`
  );
}

describe.each(STORES)('with the %s store', (name) => {
  let store: TestStore;
  let running: RunningApp;

  async function connect(): Promise<RawSocket> {
    store = new TestStore(name);
    running = await startApp({}, [{ provide: EventLog, useValue: store.open() }]);
    return RawSocket.connect(running.url);
  }

  afterEach(async () => {
    await running.close();
    store.remove();
  });

  test('every push is answered in its turn, however close they follow each other', async () => {
    const socket = await connect();
    const expected: string[] = [];
    for (let i = 0; i < 300; i++) {
      const isInvalid = i % 3 === 2;
      expected.push(isInvalid ? `events[${i}] must be an object` : 'true');
      socket.write(pushOf(isInvalid ? `[${`${EVENT},`.repeat(i)}0]` : `[${EVENT}]`));
      // Some leave by themselves, some together.
      if (i % 7 < 4) await new Promise((resolve) => setImmediate(resolve));
    }
    await socket.until(({ statuses }) => statuses.length === expected.length);
    const bodies = socket.received
      .toString()
      .split(/HTTP\/1\.1 [^{]*?\r\n\r\n/)
      .slice(1);
    expect(
      bodies.map((body) => (body === 'true' ? body : (JSON.parse(body) as { message: string }).message)),
    ).toEqual(expected);
    socket.destroy();
  });

  test('a handshake behind pushes that are not answered yet is refused, behind their answers', async () => {
    const socket = await connect();
    socket.write(`${pushOf('[]')}${pushOf('[]')}${HANDSHAKE}${HOST}\r\n`);
    await socket.ended();
    expect(socket.statuses).toEqual([200, 200, 400]);
    expect(socket.received.toString()).toContain('a handshake must not be pipelined');
    socket.destroy();
  });

  test.each([
    [415, pushOf('[]').replace('json', 'xml')],
    [417, pushOf('[]').replace('Host', 'Expect: nonsense\r\nHost')],
  ])(
    'nothing behind a push that is refused unread is done: its connection ends (%i)',
    async (status, refused) => {
      const socket = await connect();
      socket.write(pushOf('[]') + refused + refused + pushOf(`[${EVENT}]`).repeat(2));
      await socket.ended();
      expect(socket.statuses).toEqual([200, status]);
      expect((await get(running.url, '/clients?access_id=client1')).text).toContain('"events":0');
      socket.destroy();
    },
  );

  test('whoever has said all it has to say still gets its answers', async () => {
    const socket = await connect();
    socket.write(pushOf(`[${EVENT}]`).repeat(3));
    socket.end();
    await socket.ended();
    expect(socket.statuses).toEqual([200, 200, 200]);
    socket.destroy();
  });

  test.each([
    ['of a client that wants no other', 'HTTP/1.1', `${HOST}Connection: close\r\n`],
    ['of HTTP/1.0', 'HTTP/1.0', HOST],
  ])('an answer %s is the last one', async (_what, version, headers) => {
    const socket = await connect();
    const type = 'Content-Type: application/json\r\nContent-Length: 2\r\n';
    socket.write(`POST /push_events ${version}\r\n${headers}${type}\r\n[]`);
    await socket.ended();
    expect(socket.received.toString()).toMatch(/^HTTP\/1\.1 200 [^]*\r\nConnection: close\r\n[^]*\r\ntrue$/);
    socket.destroy();
  });

  test('a push behind one that is refused before its body has come is not done', async () => {
    const socket = await connect();
    socket.write(pushOf(' '.repeat(2_000_000)) + pushOf(`[${EVENT}]`));
    await socket.ended();
    expect(socket.statuses).toEqual([413]);
    expect((await get(running.url, '/clients?access_id=client1')).text).toContain('"events":0');
    socket.destroy();
  });

  test('a tunnel is refused, behind the answers that are still to come', async () => {
    const socket = await connect();
    socket.write(`${pushOf('[]')}CONNECT localhost:1 HTTP/1.1\r\n${HOST}\r\n`);
    await socket.ended();
    expect(socket.statuses).toEqual([200, 405]);
    socket.destroy();
  });

  test('a handshake that ends in what looks like a push takes nothing of what another connection says', async () => {
    const socket = await connect();
    socket.write(pushOf('[]'));
    await socket.until(({ statuses }) => statuses.length === 1);
    socket.write(`${pushOf('[]')}${HANDSHAKE}X: `);
    await socket.until(({ statuses }) => statuses.length === 2);
    socket.write(pushOf(''));
    await socket.until(({ statuses }) => statuses.length === 3);
    expect(socket.statuses).toEqual([200, 200, 101]);
    const other = await RawSocket.connect(running.url);
    socket.write(pushOf(`[${EVENT}]`));
    other.write(pushOf('[]'));
    await other.until(({ statuses }) => statuses.length === 1);
    expect(other.statuses).toEqual([200]);
    expect((await get(running.url, '/clients?access_id=client1')).text).toContain('"events":0');
    socket.destroy();
    other.destroy();
  });
});
