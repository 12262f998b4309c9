import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { nextSocket, ScriptedSocket, start, subscribed } from '../../test/support/scripted-socket.js';
import type { StatusReport } from './options.js';

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

  it('ask again soon for a token that could not be fetched, while the last one still counts', async () => {
    const now = Date.now() / 1000;
    const claims = Buffer.from(JSON.stringify({ iat: now, exp: now + 50 })).toString('base64url');
    const token = jest.fn(() => {
      if (token.mock.calls.length === 2) throw new Error('no network');
      return `e30.${claims}.signature`;
    });
    const { subscription } = start({ token });
    await jest.advanceTimersByTimeAsync(0);
    const socket = await nextSocket();
    socket.says(subscribed('0'));
    await jest.advanceTimersByTimeAsync(40_000);
    expect(token).toHaveBeenCalledTimes(2);
    await jest.advanceTimersByTimeAsync(5000);
    expect(token).toHaveBeenCalledTimes(3);
    expect(socket.sent.at(-1)).toBe(`{"token":"e30.${claims}.signature"}`);
    expect(subscription.status).toBe('open');
    subscription.close();
    expect(jest.getTimerCount()).toBe(0);
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
