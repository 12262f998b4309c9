import type { Server } from 'node:http';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { event, pushed } from './support/http.js';
import { EventStream } from './support/event-stream.js';
import { RawSocket } from './support/raw-socket.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';

const SILENCE_MS = 1000;

/** An answer that no buffers of two systems hold many of. */
const ASK = 'GET /docs-json HTTP/1.1\r\nHost: localhost\r\n\r\n';

let running: RunningApp;

const server = (): Server => running.app.getHttpServer();

beforeAll(async () => {
  running = await startApp();
  // A minute is too long for a test.
  expect(server().timeout).toBe(60_000);
  server().timeout = SILENCE_MS;
});

afterAll(() => running.close());

const connections = () => promisify<number>((done) => server().getConnections(done))();

test('a client that asks and does not read is cut; a stream on which nothing happens is not', async () => {
  const stream = await EventStream.open(running.url, { access_id: 'client1', timestamp: '0' });
  const silent = await RawSocket.connect(running.url);
  silent.pause();
  silent.write(ASK.repeat(300));
  await eventually(async () => (await connections()) === 2, 'both are connected');
  await eventually(async () => (await connections()) === 1, 'the silent one is cut');
  await pushed(running.url, [event('client1', 1, 'still here')]);
  expect(await stream.payloads(1)).toEqual(['still here']);
  stream.close();
  silent.destroy();
});
