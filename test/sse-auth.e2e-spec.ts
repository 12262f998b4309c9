import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import { EventStream } from './support/event-stream.js';
import { event, pushed } from './support/http.js';
import { Listener } from './support/listener.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { SECRET, secondsFromNow, tokenFor } from './support/tokens.js';
import { eventually } from './support/wait.js';

describe('server-sent events with tokens', () => {
  let app: RunningApp;
  const streams: EventStream[] = [];

  const open = async (query: Record<string, string>, headers: Record<string, string> = {}) => {
    const stream = await EventStream.open(app.url, { timestamp: '0', ...query }, headers);
    streams.push(stream);
    return stream;
  };

  beforeAll(async () => {
    app = await startApp({
      HOST: '127.0.0.1',
      NOTIFIER_JWT_SECRET: SECRET,
      NOTIFIER_JWT_TOLERANCE: '0',
      NOTIFIER_HEARTBEAT: '1',
    });
    await pushed(app.url, [event('user', 1, 1)]);
  });
  afterEach(() => {
    for (const stream of streams.splice(0)) stream.close();
  });
  afterAll(() => app.close());

  it('a token in Authorization lets its user in', async () => {
    const stream = await open({ access_id: 'user' }, { Authorization: `Bearer ${tokenFor('user')}` });
    expect(await stream.payloads(1)).toEqual([1]);
  });

  it('a token in the query lets its user in, who need not be named', async () => {
    const stream = await open({ token: tokenFor('user') });
    expect(await stream.payloads(1)).toEqual([1]);
  });

  it('the header wins over the query', async () => {
    const headers = { Authorization: `Bearer ${tokenFor('other')}` };
    const stream = await open({ access_id: 'user', token: tokenFor('user') }, headers);
    expect(stream.status).toBe(401);
  });

  it.each([
    ['none', {}, 'unauthorized'],
    ['one for another user', { token: tokenFor('other') }, 'unauthorized'],
    ['one that is none', { token: 'x' }, 'unauthorized'],
    ['one that has expired', { token: tokenFor('user', { exp: secondsFromNow(-60) }) }, 'token expired'],
  ])(
    'a token that is missing or wrong (%s) is answered 401 before the stream begins',
    async (_, query, reason) => {
      const stream = await open({ access_id: 'user', ...query });
      expect(stream.status).toBe(401);
      expect(stream.headers['www-authenticate']).toBe('Bearer');
      expect(await stream.json()).toMatchObject({ message: expect.stringMatching(new RegExp(`^${reason}`)) });
    },
  );

  it('a stream whose token runs out is told so, and ends', async () => {
    const stream = await open({ token: tokenFor('user', { exp: secondsFromNow(2) }) });
    await stream.payloads(1);
    const close = (await stream.next())!;
    expect(close.fields['event']).toBe('close');
    expect(JSON.parse(close.data)).toMatchObject({ code: 4005 });
    expect(await stream.next()).toBeUndefined();
  });

  it.each([
    ['a WebSocket, which stays open', WebSocket],
    ['server-sent events, which begin anew', null],
  ])('the client library renews its token before it expires over %s', async (_, Socket) => {
    let fetched = 0;
    const listener = new Listener(app.url, {
      since: 0,
      WebSocket: Socket,
      token: () => {
        fetched++;
        return tokenFor('user', { iat: secondsFromNow(0), exp: secondsFromNow(5) });
      },
    });
    await listener.gets(1);
    // The third token keeps it going beyond the end of the first.
    await eventually(() => fetched >= 3, 'it has fetched three tokens');
    await pushed(app.url, [event('user', 1, 'again')]);
    await eventually(() => listener.got.at(-1) === 'again', 'it still gets events');
    const codes = listener.reports.map(({ code }) => code);
    const openings = listener.reports.filter(({ status }) => status === 'open').length;
    listener.subscription.close();
    expect(codes).not.toContain(4005);
    expect(openings > 1).toBe(Socket === null);
  });
});
