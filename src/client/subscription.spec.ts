import { getEventListeners } from 'node:events';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { settle } from '../../test/support/gates.js';
import { event, nextSocket, ScriptedSocket, start, subscribed } from '../../test/support/scripted-socket.js';
import { subscribe } from './client.js';
import type { StatusReport, SubscribeOptions } from './options.js';
import { Subscription } from './subscription.js';

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

  it('remembers 10,000 events and no more: of a log that is longer all come again', async () => {
    const { got, events, subscription } = start();
    const log = Array.from({ length: 10_001 }, (_, i) => event(`${i}`));
    const first = await nextSocket();
    first.says(subscribed('start'));
    for (let i = 0; i < log.length; i += 500) {
      const some = log.slice(i, i + 500);
      first.says(some);
      for (const _ of some) await events.next();
    }
    first.ends(4008);
    const second = await nextSocket();
    second.says(subscribed('start', false));
    second.says(log.slice(9000, 9500));
    second.says(log.slice(0, 3));
    for (let i = 0; i < 3; i++) got.push((await events.next()).value?.id);
    expect(got).toEqual(['gap', '0', '1', '2']);
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

  it('gives nothing of what is not handled when it is closed', async () => {
    const { events, subscription } = start();
    const socket = await nextSocket();
    socket.says(subscribed('0'));
    socket.says([event('1'), event('2')]);
    await events.next();
    subscription.close();
    expect((await events.next()).done).toBe(true);
    expect(subscription.position).toBe('1');
  });

  it('connects to nobody where its signal has said already that it ends', async () => {
    const { events, subscription } = start({ signal: AbortSignal.abort() });
    expect((await events.next()).done).toBe(true);
    expect(subscription.status).toBe('closed');
    expect(ScriptedSocket.opened).toEqual([]);
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

  it('connects once after a pause, however often it waits for news from then on', async () => {
    const { events, subscription } = start();
    const first = await nextSocket();
    first.says(subscribed('0'));
    first.says(Array.from({ length: 1001 }, (_, i) => event(`${i + 1}`)));
    for (let i = 0; i < 1001; i++) await events.next();
    const waits = events.next();
    const second = await nextSocket();
    second.says(subscribed('1001'));
    second.says([event('1002')]);
    await waits;
    const waitsAgain = events.next();
    await settle();
    expect(ScriptedSocket.opened).toEqual([]);
    second.says([event('1003')]);
    expect((await waitsAgain).value).toMatchObject({ payload: '1003' });
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

async function endedWith(code: number, options: Partial<SubscribeOptions>): Promise<unknown[][]> {
  const error = jest.spyOn(console, 'error').mockImplementation(() => undefined);
  const all = { accessId: 'user', WebSocket: ScriptedSocket, ...options };
  const subscription = subscribe('wss://events.example.com', all, () => undefined);
  (await nextSocket()).ends(code, 'dropped');
  await new Promise((resolve) => setTimeout(resolve, 1));
  subscription.close();
  return error.mock.calls;
}

describe('an end for good that a callback is told nothing of', () => {
  afterEach(() => void jest.restoreAllMocks());

  it('is said on the console, once', async () => {
    expect(await endedWith(4503, {})).toEqual([['notifier: the subscription has ended: 4503 dropped']]);
  });

  it('is said there to nobody who listens to the status, and not where the client comes back', async () => {
    expect(await endedWith(4503, { onStatus: () => undefined })).toEqual([]);
    expect(await endedWith(1006, {})).toEqual([]);
  });
});
