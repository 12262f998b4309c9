import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { StatusReport, SubscribeOptions } from './options.js';
import type { WebSocketLike } from './platform.js';
import { subscribe } from './client.js';
import { Subscription } from './subscription.js';

type Listener = (event: object) => void;

/** A server's side of the wire, written out: what a real one says only after it has lost something. */
class ScriptedSocket implements WebSocketLike {
  static readonly opened: ScriptedSocket[] = [];
  readonly sent: string[] = [];
  private readonly listeners = new Map<string, Listener>();

  constructor(readonly url: string) {
    ScriptedSocket.opened.push(this);
  }

  addEventListener(type: string, listener: Listener): void {
    this.listeners.set(type, listener);
  }

  send(text: string): void {
    this.sent.push(text);
  }

  close(): void {}

  open(): void {
    this.listeners.get('open')!({});
  }

  says(message: object): void {
    this.listeners.get('message')!({ data: JSON.stringify(message) });
  }

  ends(code: number, reason = ''): void {
    this.listeners.get('close')!({ code, reason });
  }
}

const subscribed = (last_event_id: string, recovered = true) => ({
  subscribed: { access_id: 'user', recovered, last_event_id, heartbeat: 30, reconnect_within_ms: 1 },
});
const event = (id: string) => ({ id, accessid: 'user', created_at: 1, payload: id });

/** The next connection that is made, its first message sent. */
async function nextSocket(): Promise<ScriptedSocket> {
  while (ScriptedSocket.opened.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  const socket = ScriptedSocket.opened.shift()!;
  socket.open();
  return socket;
}

function start(options: Partial<SubscribeOptions> = {}) {
  const got: unknown[] = [];
  const subscription = new Subscription('wss://events.example.com', {
    accessId: 'user',
    since: 7,
    WebSocket: ScriptedSocket,
    onGap: () => got.push('gap'),
    ...options,
  });
  return { got, events: subscription[Symbol.asyncIterator](), subscription };
}

describe('a subscription', () => {
  it('asks from `since` on at first, and after the last event that came from then on', async () => {
    const { events, subscription } = start({ token: 'token' });
    const first = await nextSocket();
    expect(first.url).toBe('wss://events.example.com/subscribe_to_events');
    const asked = { access_id: 'user', token: 'token' };
    expect(first.sent).toHaveLength(1);
    expect(JSON.parse(first.sent[0]!)).toEqual({ ...asked, timestamp: 7, last_event_id: null });
    first.says(subscribed('0'));
    first.says([event('1'), event('2')]);
    expect((await events.next()).value).toMatchObject({ payload: '1' });
    first.ends(1006);
    const second = await nextSocket();
    expect(JSON.parse(second.sent[0]!)).toEqual({ ...asked, last_event_id: '2' });
    subscription.close();
  });

  it('goes on from the position before the first event where none has come', async () => {
    const { subscription } = start();
    const first = await nextSocket();
    first.says(subscribed('0'));
    first.ends(1001);
    expect(JSON.parse((await nextSocket()).sent[0]!)).toMatchObject({ last_event_id: '0' });
    subscription.close();
  });

  /** After a gap, a second connection says what the first has said, and one event more. */
  async function sayAgainAfterGap(): Promise<void> {
    const first = await nextSocket();
    first.says(subscribed('0'));
    first.says([event('1'), event('2')]);
    first.ends(1006);
    const second = await nextSocket();
    second.says(subscribed('start', false));
    second.says([event('1'), event('2'), event('3')]);
  }

  it('gives no event twice, not even those that a server sends again after a gap', async () => {
    const { got, events, subscription } = start();
    await sayAgainAfterGap();
    for (let i = 0; i < 3; i++) got.push((await events.next()).value?.payload);
    expect(got).toEqual(['1', '2', 'gap', '3']);
    subscription.close();
  });

  it('gives no event twice where the log that is sent again is longer than by default', async () => {
    const { got, events, subscription } = start();
    const log = Array.from({ length: 3000 }, (_, i) => event(`${i}`));
    const first = await nextSocket();
    first.says(subscribed('start'));
    for (let i = 0; i < 3000; i += 500) {
      first.says(log.slice(i, i + 500));
      for (let n = 0; n < 500; n++) await events.next();
    }
    first.ends(4008);
    const second = await nextSocket();
    second.says(subscribed('start', false));
    const next = events.next();
    for (let i = 0; i < 3000; i += 500) {
      second.says(log.slice(i, i + 500));
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    second.says([event('new')]);
    expect((await next).value).toMatchObject({ id: 'new' });
    expect(got).toEqual(['gap']);
    subscription.close();
  });

  it('moves its position past events that a server sends again after a gap', async () => {
    const storage = new Map<string, string>();
    const { events, subscription } = start({ storage });
    await sayAgainAfterGap();
    for (let i = 0; i < 3; i++) await events.next();
    expect(subscription.position).toBe('2');
    subscription.close();
    const { subscription: reloaded } = start({ storage });
    expect(JSON.parse((await nextSocket()).sent[0]!)).toMatchObject({ last_event_id: '2' });
    reloaded.close();
  });

  it('does not hear what a connection still says that it has given up', async () => {
    const { events, subscription } = start();
    const first = await nextSocket();
    first.says(subscribed('0'));
    first.says([event('1')]);
    first.ends(1006);
    first.says([event('9')]);
    const second = await nextSocket();
    second.says(subscribed('1'));
    second.says([event('2')]);
    expect((await events.next()).value).toMatchObject({ id: '1' });
    expect((await events.next()).value).toMatchObject({ id: '2' });
    subscription.close();
  });

  it('moves its position when the application asks for the next event, not before', async () => {
    const stored = new Map<string, string>();
    const { events, subscription } = start({ storage: stored, storageKey: 'here' });
    const socket = await nextSocket();
    socket.says(subscribed('0'));
    socket.says([event('1'), event('2')]);
    await events.next();
    expect(subscription.position).toBe('0');
    await events.next();
    expect(subscription.position).toBe('1');
    subscription.close();
    expect((await events.next()).done).toBe(true);
    expect(stored.get('here')).toBe('2');
  });

  it('says that something may be missing where the storage cannot be read', async () => {
    const storage = {
      get: () => {
        throw new Error('forbidden');
      },
      set: () => undefined,
    };
    const { got, events, subscription } = start({ storage });
    const socket = await nextSocket();
    socket.says(subscribed('0'));
    socket.says([event('1')]);
    await events.next();
    expect(got).toEqual(['gap']);
    subscription.close();
  });

  it('ends where it is closed when it says that it goes on after a pause', async () => {
    const onStatus = ({ status }: StatusReport) => {
      if (status === 'connecting' && subscription.position !== null) subscription.close();
    };
    const { events, subscription } = start({ onStatus });
    const socket = await nextSocket();
    socket.says(subscribed('0'));
    socket.says(Array.from({ length: 1001 }, (_, i) => event(`${i + 1}`)));
    expect(subscription.status).toBe('waiting');
    for (let i = 0; i < 1001; i++) await events.next();
    expect((await events.next()).done).toBe(true);
  });

  it('gives nothing more once the signal has said so, also where the server has ended it before', async () => {
    const abort = new AbortController();
    const { events } = start({ signal: abort.signal });
    const socket = await nextSocket();
    socket.says(subscribed('0'));
    socket.says([event('1'), event('2')]);
    socket.ends(4503, 'dropped');
    expect((await events.next()).value).toMatchObject({ id: '1' });
    abort.abort();
    await expect(events.next()).rejects.toThrow('4503 dropped');
  });

  it('leaves nothing on a signal that outlives it', async () => {
    const { signal } = new AbortController();
    const { events } = start({ signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    (await nextSocket()).ends(4503, 'dropped');
    await expect(events.next()).rejects.toThrow('4503 dropped');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('throws what is no URL back at once', () => {
    expect(() => new Subscription('no url', {})).toThrow('Invalid URL');
  });
});

describe('a subscription’s timers', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => {
    ScriptedSocket.opened.length = 0;
    jest.useRealTimers();
  });

  it('are gone, and it connects no more, where it is closed when it says that it is about to', async () => {
    const statuses: string[] = [];
    const abort = new AbortController();
    const onStatus = ({ status }: StatusReport) => {
      statuses.push(status);
      abort.abort();
    };
    const { events } = start({ signal: abort.signal, onStatus });
    expect((await events.next()).done).toBe(true);
    await jest.advanceTimersByTimeAsync(0);
    expect(jest.getTimerCount()).toBe(0);
    expect(ScriptedSocket.opened).toEqual([]);
    expect(statuses).toEqual(['connecting', 'closed']);
  });

  it('throw what onStatus has thrown, which neither holds it up nor ends it', async () => {
    const { events, subscription } = start({
      onStatus: ({ status }) => {
        throw new Error(status);
      },
    });
    await expect(jest.advanceTimersByTimeAsync(0)).rejects.toThrow('connecting');
    (await nextSocket()).says(subscribed('0'));
    await expect(jest.advanceTimersByTimeAsync(0)).rejects.toThrow('open');
    const next = events.next();
    subscription.close();
    await expect(jest.advanceTimersByTimeAsync(0)).rejects.toThrow('closed');
    expect((await next).done).toBe(true);
  });

  it('ask seldom for a token that the application keeps until near its end', async () => {
    const now = Date.now() / 1000;
    // An hour's token, with ten minutes left.
    const claims = Buffer.from(JSON.stringify({ iat: now - 3000, exp: now + 600 })).toString('base64url');
    const token = jest.fn(() => `e30.${claims}.signature`);
    const { subscription } = start({ token });
    await jest.advanceTimersByTimeAsync(0);
    const socket = await nextSocket();
    socket.says(subscribed('0'));
    for (let s = 0; s < 595; s += 20) {
      socket.says([]);
      await jest.advanceTimersByTimeAsync(20_000);
    }
    expect(token.mock.calls.length).toBeGreaterThan(5);
    expect(token.mock.calls.length).toBeLessThan(15);
    subscription.close();
  });

  it('show that a connection is dead, however far the clock is set back meanwhile', async () => {
    const reports: StatusReport[] = [];
    const { subscription } = start({ onStatus: (report) => reports.push(report) });
    await jest.advanceTimersByTimeAsync(0);
    (await nextSocket()).says(subscribed('0'));
    jest.setSystemTime(Date.now() - 3_600_000);
    // Two and a half heartbeats twice: nobody knows how much of the first had passed when the clock was set.
    await jest.advanceTimersByTimeAsync(2 * 2.5 * 30_000);
    expect(reports[2]).toMatchObject({ status: 'waiting', reason: 'silent' });
    subscription.close();
  });
});

describe('what nobody could subscribe with', () => {
  it.each(['localhost:8080', 'ftp://events.example.com', 'events.example.com', ''])(
    'is refused at once: the URL %p',
    (url) => {
      // Node's own TypeError is of another realm than the tests.
      expect(() => subscribe(url, { accessId: 'user', WebSocket: ScriptedSocket })).toThrow(/url/i);
    },
  );

  it.each(['http', 'https', 'ws', 'wss'])('is no URL of %s', (scheme) => {
    subscribe(`${scheme}://events.example.com`, { accessId: 'user', WebSocket: ScriptedSocket }).close();
  });

  it.each(['', null, 7])('is refused at once: the access id %p', (accessId) => {
    const options = { accessId, WebSocket: ScriptedSocket } as unknown as SubscribeOptions;
    expect(() => subscribe('wss://events.example.com', options)).toThrow(
      new TypeError('accessId must be a string that is not empty'),
    );
  });
});

describe('an end for good that a callback is told nothing of', () => {
  afterEach(() => void jest.restoreAllMocks());

  async function endedWith(code: number, options: Partial<SubscribeOptions>): Promise<unknown[][]> {
    const error = jest.spyOn(console, 'error').mockImplementation(() => undefined);
    const all = { accessId: 'user', WebSocket: ScriptedSocket, ...options };
    const subscription = subscribe('wss://events.example.com', all, () => undefined);
    (await nextSocket()).ends(code, 'dropped');
    await new Promise((resolve) => setTimeout(resolve, 1));
    subscription.close();
    return error.mock.calls;
  }

  it('is said on the console, once', async () => {
    expect(await endedWith(4503, {})).toEqual([['notifier: the subscription has ended: 4503 dropped']]);
  });

  it('is said there to nobody who listens to the status, and not where the client comes back', async () => {
    expect(await endedWith(4503, { onStatus: () => undefined })).toEqual([]);
    expect(await endedWith(1006, {})).toEqual([]);
  });
});
