import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { OpenConnections } from '../src/notifier/open-connections.js';
import { ShutdownService } from '../src/notifier/shutdown.service.js';
import { pushed } from './support/http.js';
import { RawSocket } from './support/raw-socket.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';
import { EventStream } from './support/event-stream.js';

describe('the limits of server-sent events', () => {
  let notifier: RunningApp;
  const streams: EventStream[] = [];

  const open = async (query: Record<string, string>) => {
    const stream = await EventStream.open(notifier.url, query);
    streams.push(stream);
    return stream;
  };

  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.close();
    await notifier.close();
  });

  it('a stream over the connection limit is answered 503, and finds room once another one has gone', async () => {
    notifier = await startApp({ NOTIFIER_MAX_CONNECTIONS: '1' });
    const first = await open({ access_id: 'a', last_event_id: '' });
    await first.next();
    const second = await open({ access_id: 'b', last_event_id: '' });
    expect(second.status).toBe(503);
    expect(second.headers['retry-after']).toBeDefined();
    expect(await second.json()).toMatchObject({ message: 'try again later: too many connections' });
    first.close();
    await eventually(
      async () => (await open({ access_id: 'b', last_event_id: '' })).status === 200,
      'there is room for another stream',
    );
  });

  it('streams that are refused leave nothing on a connection that goes on', async () => {
    notifier = await startApp({ NOTIFIER_MAX_CONNECTIONS: '1' });
    const sockets: Socket[] = [];
    notifier.app.getHttpServer().on('connection', (socket: Socket) => sockets.push(socket));
    await open({ access_id: 'a', timestamp: '0' });
    const refused = await RawSocket.connect(notifier.url);
    const listeners: number[] = [];
    for (let i = 1; i <= 3; i++) {
      refused.write(
        'GET /subscribe_to_events?access_id=b&timestamp=0 HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n',
      );
      await refused.until(({ statuses }) => statuses.length === i);
      listeners.push(sockets[1]!.listenerCount('end'));
    }
    expect(refused.statuses).toEqual([503, 503, 503]);
    expect(listeners[2]).toBe(listeners[0]);
    refused.destroy();
  });

  it('the oldest stream of a user gives way to one too many', async () => {
    notifier = await startApp({ NOTIFIER_MAX_CONNECTIONS_PER_USER: '1' });
    const oldest = await open({ access_id: 'a', timestamp: '0' });
    await open({ access_id: 'a', timestamp: '0' });
    const close = (await oldest.next())!;
    expect(JSON.parse(close.data)).toEqual({ code: 4504, reason: 'replaced' });
    expect(await oldest.next()).toBeUndefined();
  });

  it('a server that goes down says when to come back, and takes nobody new', async () => {
    notifier = await startApp({ NOTIFIER_SHUTDOWN_DELAY: '0', NOTIFIER_SHUTDOWN_GRACE: '2' });
    const stream = await open({ access_id: 'a', timestamp: '0' });
    const stopping = notifier.app.get(ShutdownService).run();
    const close = (await stream.next())!;
    expect(close.fields['event']).toBe('close');
    const { code, reason } = JSON.parse(close.data) as { code: number; reason: string };
    expect(code).toBe(1012);
    expect(reason).toBe(`restarting retry_after_ms=${close.fields['retry']}`);
    expect(await stream.next()).toBeUndefined();
    const late = await open({ access_id: 'b', timestamp: '0' });
    expect(late.status).toBe(503);
    const [, ms] = /retry_after_ms=(\d+)/.exec(JSON.stringify(await late.json()))!;
    expect(late.headers['retry-after']).toBe(String(Math.ceil(Number(ms) / 1000)));
    await stopping;
  });

  it('a client that takes nothing any more of what its stream was given is cut', async () => {
    const plenty = '100000000';
    notifier = await startApp({
      NOTIFIER_HEARTBEAT: '1',
      NOTIFIER_BUFFER_BYTES: plenty,
      NOTIFIER_MAX_BODY: plenty,
    });
    const large = 'x'.repeat(200_000);
    const events = Array.from({ length: 200 }, () => ({ accessid: 'slow', created_at: 1, payload: large }));
    await pushed(notifier.url, events);
    // It reads no more than it is asked to.
    await open({ access_id: 'slow', timestamp: '0' });
    const connections = notifier.app.get(OpenConnections);
    expect(connections.count).toBe(1);
    await eventually(() => connections.count === 0, 'it is cut');
  });

  it('a reader that pauses gets what the log still holds, in order, and everything after it', async () => {
    notifier = await startApp();
    const stream = await open({ access_id: 'slow', last_event_id: '' });
    await stream.next();
    await pushNumbers(notifier, 60, 60_000);
    expect(await numbers(stream, 60)).toEqual(Array.from({ length: 60 }, (_, i) => i));
    await pushed(notifier.url, [{ accessid: 'slow', created_at: 60, payload: [60] }]);
    expect(await numbers(stream, 1)).toEqual([60]);
  });

  it('a reader slower than the log is long is told that it fell behind, after events without a hole', async () => {
    notifier = await startApp({ NOTIFIER_BUFFER_EVENTS: '10' });
    const stream = await open({ access_id: 'slow', last_event_id: '' });
    await stream.next();
    // Far beyond what the sockets between the two hold.
    await pushNumbers(notifier, 400, 100_000);
    let expected = 0;
    for (;;) {
      const block = (await stream.next())!;
      if (block.fields['event'] === 'close') {
        expect(JSON.parse(block.data)).toMatchObject({ code: 4008, reason: 'fell behind' });
        break;
      }
      expect((JSON.parse(block.data) as { created_at: number }).created_at).toBe(expected++);
    }
    expect(expected).toBeGreaterThan(0);
    expect(expected).toBeLessThan(400);
    expect(await stream.next()).toBeUndefined();
  });
});

/** Events 0 to `count - 1` of the user "slow", one a push. */
async function pushNumbers(notifier: RunningApp, count: number, bytes: number): Promise<void> {
  const filler = 'x'.repeat(bytes);
  for (let i = 0; i < count; i++) {
    await pushed(notifier.url, [{ accessid: 'slow', created_at: i, payload: [i, filler] }]);
  }
}

async function numbers(stream: EventStream, count: number): Promise<number[]> {
  return (await stream.payloads(count)).map((payload) => (payload as [number])[0]);
}
