import { afterEach, beforeEach, describe, expect, it, test } from '@jest/globals';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import type { SubscribeOptions } from '../src/client/client.js';
import { Listener } from './support/listener.js';
import { OwnServer } from './support/own-server.js';

let other: OwnServer;
let listener: Listener | undefined;

beforeEach(async () => {
  other = await OwnServer.listen();
});

afterEach(() => {
  listener?.subscription.close();
  other.close();
});

/** What is said of the first attempt. */
function failed(url: string, options: SubscribeOptions) {
  listener = new Listener(url, options);
  return listener.isReported('waiting');
}

describe.each([
  ['a WebSocket', { WebSocket }],
  ['server-sent events', { WebSocket: null }],
] as const)('the client library over %s', (_, transport) => {
  it('says why nobody can be reached', async () => {
    const { url } = other;
    other.close();
    expect(await failed(url, transport)).toMatchObject({
      code: 1006,
      reason: `connect ECONNREFUSED ${new URL(url).host}`,
    });
  });

  it('says what somebody else has answered', async () => {
    other.answer = (response) => response.writeHead(404).end('<html>');
    expect(await failed(other.url, transport)).toMatchObject({
      code: 1006,
      reason: 'Unexpected server response: 404',
    });
  });
});

test('the client library says why nobody can be reached at any address of a name', async () => {
  const url = other.url.replace('127.0.0.1', 'several.test');
  other.close();
  expect(await failed(url, { WebSocket: SeveralAddresses })).toMatchObject({
    code: 1006,
    reason: 'ECONNREFUSED',
  });
});

test.each(['hello', 'true', '{"subscribed":null}'])(
  'a server of something else, which says %s, is one that cannot be reached',
  async (greeting) => {
    const stranger = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    stranger.on('connection', (socket) => socket.send(greeting));
    await once(stranger, 'listening');
    const { port } = stranger.address() as AddressInfo;
    expect(await failed(`http://127.0.0.1:${port}`, { WebSocket })).toMatchObject({ code: 1006 });
    stranger.close();
  },
);

/** Finds two addresses of each name: the error of both has a code and no message. */
class SeveralAddresses extends WebSocket {
  constructor(url: string) {
    super(url, {
      lookup: (_host, _options, found) =>
        found(null, [
          { address: '127.0.0.1', family: 4 },
          { address: '127.0.0.2', family: 4 },
        ]),
    });
  }
}
