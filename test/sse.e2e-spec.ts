import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from 'node:net';
import { once } from 'node:events';
import { drop, event as pushedEvent, get as ask, json, pushed, send } from './support/http.js';
import { RawSocket } from './support/raw-socket.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';
import { EventStream, isComment } from './support/event-stream.js';

const event = (accessId: string, createdAt: number, payload: unknown = createdAt) =>
  pushedEvent(accessId, createdAt, payload);

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n`;

describe('server-sent events', () => {
  let notifier: RunningApp;
  const streams: EventStream[] = [];

  const open = async (query: Record<string, string>, headers: Record<string, string> = {}) => {
    const stream = await EventStream.open(notifier.url, query, headers);
    streams.push(stream);
    return stream;
  };

  beforeAll(async () => {
    notifier = await startApp({ NOTIFIER_HEARTBEAT: '1' });
  });
  afterEach(() => {
    for (const stream of streams.splice(0)) stream.close();
  });
  afterAll(() => notifier.close());

  it('a subscriber with a timestamp gets what is buffered from there, then everything live, each event with its id', async () => {
    await pushed(notifier.url, [event('plain', 1), event('plain', 5), event('plain', 3)]);
    const stream = await open({ access_id: 'plain', timestamp: '3' });
    expect(stream.status).toBe(200);
    expect(stream.headers['content-type']).toBe('text/event-stream');
    expect(stream.headers['cache-control']).toContain('no-store');
    const first = (await stream.next())!;
    expect(first.data).toBe('{"accessid":"plain","created_at":5,"payload":5}');
    expect(first.fields).toEqual({ id: expect.stringMatching(/^\S+$/) });
    expect(await stream.payloads(1)).toEqual([3]);
    await pushed(notifier.url, [event('plain', 0, 'late')]);
    expect(await stream.payloads(1)).toEqual(['late']);
  });

  it('the last event id in the query resumes exactly, after a first message that says so', async () => {
    await pushed(notifier.url, [event('resume', 1), event('resume', 2), event('resume', 3)]);
    const before = await open({ access_id: 'resume', timestamp: '0' });
    const { id } = (await before.next())!.fields;
    const stream = await open({ access_id: 'resume', last_event_id: id! });
    const subscribed = (await stream.next())!;
    expect(subscribed.fields).toEqual({ event: 'subscribed', id });
    expect(JSON.parse(subscribed.data)).toEqual({
      subscribed: {
        access_id: 'resume',
        recovered: true,
        last_event_id: id,
        heartbeat: 1,
        reconnect_within_ms: expect.any(Number),
      },
    });
    expect(await stream.payloads(2)).toEqual([2, 3]);
  });

  it('the Last-Event-ID header wins over the query', async () => {
    await pushed(notifier.url, [event('header', 1), event('header', 2)]);
    const before = await open({ access_id: 'header', timestamp: '0' });
    const [first, second] = [(await before.next())!, (await before.next())!];
    const stream = await open(
      { access_id: 'header', last_event_id: second.fields['id']! },
      { 'Last-Event-ID': first.fields['id']! },
    );
    expect((await stream.next())!.fields['event']).toBe('subscribed');
    expect(await stream.payloads(1)).toEqual([2]);
  });

  it('an empty last event id means that nothing was seen yet: the timestamp says where to begin', async () => {
    await pushed(notifier.url, [event('empty', 1), event('empty', 2)]);
    for (const headers of [{}, { 'Last-Event-ID': '' }] as Record<string, string>[]) {
      const query = { access_id: 'empty', timestamp: '2', last_event_id: headers['Last-Event-ID'] ?? '' };
      const stream = await open(query, headers);
      expect(JSON.parse((await stream.next())!.data)).toMatchObject({ subscribed: { recovered: true } });
      expect(await stream.payloads(1)).toEqual([2]);
    }
  });

  it('a parameter by another name, or twice, is refused: the stream would not be the one that was meant', async () => {
    const messageFor = async (query: string) => {
      const headers = { Accept: 'text/event-stream' };
      return (await ask(notifier.url, `/subscribe_to_events?${query}`, headers)).text;
    };
    expect(await messageFor('access_id=a&lastEventId=x')).toContain('last_event_id is written lastEventId');
    expect(await messageFor('access_id=a&timestamp=1&timestamp=2')).toContain(
      'timestamp must not stand twice',
    );
  });

  it('an unknown last event id is answered with recovered false and all that is left', async () => {
    await pushed(notifier.url, [event('unknown', 1), event('unknown', 2)]);
    const stream = await open({ access_id: 'unknown', last_event_id: 'AAAAAAAA.7.abc' });
    expect(JSON.parse((await stream.next())!.data)).toMatchObject({ subscribed: { recovered: false } });
    expect(await stream.payloads(2)).toEqual([1, 2]);
  });

  it('line breaks between the tokens of a payload become data lines, and its text survives', async () => {
    const payload = '{\n"a" : 1.0,\r\n "b":\r"\u00e9\u2028" }';
    const stream = await open({ access_id: 'lines', last_event_id: '' });
    await stream.next();
    await pushed(notifier.url, `[{"accessid":"lines","created_at":1,"payload":${payload}}]`);
    const { lines, data } = (await stream.next())!;
    expect(lines.filter((line) => line.startsWith('data: '))).toHaveLength(4);
    expect(data).toBe(
      `{"accessid":"lines","created_at":1,"payload":${payload.replaceAll(/\r\n|\r/g, '\n')}}`,
    );
  });

  it('an access id of any Unicode is percent-encoded and finds its user', async () => {
    const accessId = 'ü+&=% 🙂/..';
    await pushed(notifier.url, [event(accessId, 1)]);
    const stream = await open({ access_id: accessId, timestamp: '0' });
    expect(await stream.payloads(1)).toEqual([1]);
  });

  it('comments show that a silent stream lives', async () => {
    const stream = await open({ access_id: 'silent', timestamp: '0' });
    expect(isComment((await stream.nextBlock())!)).toBe(true);
    expect(isComment((await stream.nextBlock())!)).toBe(true);
  });

  it('a drop says why and ends the stream', async () => {
    const stream = await open({ access_id: 'dropped', timestamp: '0' });
    await drop(notifier.url, 'dropped');
    const close = (await stream.next())!;
    expect(close.fields).toEqual({ event: 'close' });
    expect(JSON.parse(close.data)).toEqual({ code: 4503, reason: 'dropped' });
    expect(await stream.next()).toBeUndefined();
  });

  it('streams are counted among the connected clients, and no longer once they are gone', async () => {
    const stream = await open({ access_id: 'counted', last_event_id: '' });
    await stream.next();
    const connections = async () =>
      (json(await ask(notifier.url, '/clients?access_id=counted')) as { connections: object[] }).connections;
    expect(await connections()).toEqual([expect.objectContaining({ form: 'sse' })]);
    stream.close();
    await eventually(async () => (await connections()).length === 0, 'the stream is forgotten');
  });

  it.each([
    [{}, 'access_id must be a string (it is missing)'],
    [{ access_id: '' }, 'access_id must not be empty'],
    [{ access_id: 'a' }, 'timestamp must be an integer (it is missing)'],
    [{ access_id: 'a', timestamp: 'x' }, 'timestamp must be an integer'],
    [{ access_id: 'a', timestamp: '0x10' }, 'timestamp must be an integer'],
    [{ access_id: 'a', timestamp: '1.5' }, 'timestamp must be an integer from'],
  ])('%j is refused with a status before the stream begins', async (query, message) => {
    const stream = await open(query);
    expect(stream.status).toBe(400);
    expect(await stream.json()).toEqual({
      statusCode: 400,
      error: 'Bad Request',
      message: expect.stringContaining(message),
    });
  });

  it.each(['access_id=%FF&timestamp=0', 'access_id=a&timestamp=0&access_id=b', 'access_id=%&timestamp=0'])(
    'the query %s is refused',
    async (query) => {
      const headers = { Accept: 'text/event-stream' };
      const answer = await fetch(`${notifier.url}/subscribe_to_events?${query}`, { headers });
      expect(answer.status).toBe(400);
    },
  );

  it.each([undefined, '*/*', 'text/html', 'application/json, text/event-streams'])(
    'a GET that accepts %s is told to upgrade',
    async (accept) => {
      const headers: Record<string, string> = accept === undefined ? {} : { Accept: accept };
      const answer = await fetch(`${notifier.url}/subscribe_to_events?access_id=a&timestamp=0`, { headers });
      expect(answer.status).toBe(426);
      expect(answer.headers.get('upgrade')).toBe('websocket');
    },
  );

  it('a HEAD is told to upgrade: it would be a stream without events', async () => {
    const headers = { Accept: 'text/event-stream' };
    const url = `${notifier.url}/subscribe_to_events?access_id=a&timestamp=0`;
    expect((await fetch(url, { method: 'HEAD', headers })).status).toBe(426);
  });

  it('a page of the same origin gets its stream, and one of another nothing that was kept of it', async () => {
    const stream = await open({ access_id: 'origin', timestamp: '0' }, { Origin: notifier.url });
    expect(stream.status).toBe(200);
    expect(stream.headers['access-control-allow-origin']).toBe(notifier.url);
    expect(stream.headers.vary).toBe('Origin');
  });

  it('a page of another origin is refused', async () => {
    const stream = await open(
      { access_id: 'origin', timestamp: '0' },
      { Origin: 'https://elsewhere.example' },
    );
    expect(stream.status).toBe(403);
    expect(stream.headers['access-control-allow-origin']).toBeUndefined();
  });

  it('the browser of a page that may connect may send its token and its position, and asks once a day', async () => {
    const answer = await send(notifier.url, '/subscribe_to_events', {
      method: 'OPTIONS',
      headers: { Origin: notifier.url },
    });
    expect(answer.status).toBe(204);
    expect(answer.headers).toMatchObject({
      vary: 'Origin',
      'access-control-allow-origin': notifier.url,
      'access-control-allow-methods': 'GET',
      'access-control-allow-headers': 'Authorization, Last-Event-ID',
      'access-control-max-age': '86400',
    });
  });

  it('a stream behind an unanswered request on the same connection is not written into its answer', async () => {
    const socket = connect(Number(new URL(notifier.url).port), '127.0.0.1');
    socket.write(get('/clients') + get('/subscribe_to_events?access_id=pipelined&timestamp=0'));
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    while (!text.includes('pipelined"')) await once(socket, 'data');
    socket.destroy();
    expect(text.indexOf('HTTP/1.1 200 OK')).toBe(0);
    expect(text.indexOf('HTTP/1.1 400')).toBeGreaterThan(0);
  });

  it.each([
    ['at once', ''],
    ['once it runs', 'subscribed'],
  ])('a push behind a stream on the same connection is not done, and ends it (%s)', async (_when, sign) => {
    const body = JSON.stringify([event('behind', 1)]);
    const socket = await RawSocket.connect(notifier.url);
    const push =
      'POST /push_events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n' +
      `Content-Length: ${body.length}\r\n\r\n${body}`;
    const stream = get('/subscribe_to_events?access_id=behind&last_event_id=');
    if (sign === '') socket.write(stream + push);
    else {
      socket.write(stream);
      await socket.until(({ received }) => received.includes(sign));
      socket.write(push);
    }
    await socket.ended();
    expect((await ask(notifier.url, '/clients?access_id=behind')).text).toContain('"events":0');
  });
});
