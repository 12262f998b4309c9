import type { ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OwnServer } from '../../test/support/own-server.js';
import { overSse } from './over-sse.js';

const HELLO = { access_id: 'user', timestamp: undefined, token: undefined, last_event_id: null };

/** What a connection tells, until it has ended. */
function heardFrom(url: string): Promise<unknown[]> {
  const heard: unknown[] = [];
  return new Promise((resolve) => {
    overSse(url, HELLO, {
      subscribed: (subscribed) => heard.push(subscribed),
      events: (events) => heard.push(...events),
      ended: (code, reason) => {
        heard.push({ code, reason });
        resolve(heard);
      },
    });
  });
}

describe('a connection over server-sent events', () => {
  let server: OwnServer;

  beforeEach(async () => {
    server = await OwnServer.listen();
  });

  afterEach(() => server.close());

  const answers = (answer: (response: ServerResponse) => void) => {
    server.answer = answer;
    return heardFrom(server.url);
  };

  const EVENT = 'id: 1\ndata: {"payload":"für"}\n\n';
  const HEARD = { id: '1', payload: 'für' };
  const CLOSE = 'event: close\ndata: {"code":4503,"reason":"dropped"}\n\n';
  const CLOSED = { code: 4503, reason: 'dropped' };

  it('asks as a first message would, and for nothing that somebody has kept', async () => {
    await answers((response) => response.end(CLOSE));
    expect(server.asked).toMatchObject([
      {
        path: '/?access_id=user&last_event_id=',
        headers: { accept: 'text/event-stream', 'cache-control': 'no-cache' },
      },
    ]);
  });

  it('tells the events that come with the close before it, and nothing of what is behind it', async () => {
    expect(await answers((response) => response.end(EVENT + CLOSE + EVENT))).toEqual([HEARD, CLOSED]);
  });

  it('tells an event whole, wherever it is cut', async () => {
    const bytes = Buffer.from(EVENT + CLOSE);
    const heard = await answers((response) => {
      void (async () => {
        response.socket!.setNoDelay(true);
        for (const byte of bytes) {
          response.write(Buffer.of(byte));
          await turn();
        }
        response.end();
      })();
    });
    expect(heard).toEqual([HEARD, CLOSED]);
  });

  it('joins the lines of an event’s data', async () => {
    const event = 'id: 1\ndata: {"payload":\ndata: "für"}\n\n';
    expect(await answers((response) => response.end(event + CLOSE))).toEqual([HEARD, CLOSED]);
  });

  it.each([
    [400, 'access_id is missing', 4501],
    [401, 'unauthorized', 4500],
    [401, 'token expired', 4005],
    [403, 'Origin is not allowed', 4500],
    [503, 'try again later', 1006],
  ])('takes %i “%s” for %i', async (statusCode, message, code) => {
    const heard = await answers((response) => {
      response.writeHead(statusCode).end(JSON.stringify({ statusCode, message }));
    });
    expect(heard).toEqual([{ code, reason: message }]);
  });

  it.each([400, 401, 403])(
    'takes a %i that is not this server’s own for one that may pass',
    async (status) => {
      const heard = await answers((response) => response.writeHead(status).end('{"message":"a proxy’s"}'));
      expect(heard).toEqual([{ code: 1006, reason: `Unexpected server response: ${status}` }]);
    },
  );
});
