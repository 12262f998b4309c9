import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { BodiesInTheMaking } from '../src/wire/bodies-in-the-making.js';
import { event, push, send } from './support/http.js';
import { framesOf, TEXT } from './support/raw-frames.js';
import { RawWebSocket } from './support/raw-websocket.js';
import { RedisProcess } from './support/redis-server.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';

const MAX_BYTES = 64 * 1024 * 1024;

const SMALL = JSON.stringify([event('client1', 1, 'x')]);

/** With it in the making there is no room for a small one. */
const LARGE = Buffer.concat([Buffer.alloc(MAX_BYTES - 2 * SMALL.length + 1, ' '), Buffer.from(SMALL)]);

let redis: RedisProcess;
let running: RunningApp;

beforeAll(async () => {
  redis = await RedisProcess.start();
  running = await startApp({
    NOTIFIER_STORE: 'redis',
    NOTIFIER_REDIS_URL: redis.url,
    NOTIFIER_MAX_BODY: `${MAX_BYTES}`,
  });
  await eventually(async () => (await push(running.url, SMALL)).status === 200, 'the store takes events');
});

afterAll(async () => {
  redis.resume();
  await running.close();
  await redis.remove();
});

function hasRoom(): boolean {
  const bodies = running.app.get(BodiesInTheMaking);
  bodies.take(SMALL.length);
  const { areTooMany } = bodies;
  bodies.giveBack(SMALL.length);
  return !areTooMany;
}

async function overHttp(body: string | Buffer): Promise<string> {
  return (await push(running.url, body)).text;
}

async function overWebSocket(body: string | Buffer): Promise<string> {
  const connector = await RawWebSocket.open(running.url, '/push_events', {});
  connector.write(framesOf([{ op: TEXT, data: body.toString() }]));
  await connector.raw.until(() => connector.texts.length > 0);
  connector.destroy();
  return connector.texts[0]!;
}

test.each([
  ['HTTP', overHttp],
  ['WebSocket', overWebSocket],
])('bodies over %s count until the store has answered', async (_, pushed) => {
  redis.pause();
  const waiting = pushed(LARGE);
  await eventually(() => !hasRoom(), 'the large body waits for the store');
  const refused = expect.stringContaining(
    '"message":"too many requests are being received, try again later"',
  );
  expect(await overHttp(SMALL)).toEqual(refused);
  expect(await overWebSocket(SMALL)).toEqual(refused);
  redis.resume();
  await waiting;
  expect(hasRoom()).toBe(true);
  await eventually(
    async () => (await send(running.url, '/health/ready')).status === 200,
    'the node is ready',
  );
  expect(await overHttp(SMALL)).toBe('true');
  expect(await overWebSocket(SMALL)).toBe('true');
});
