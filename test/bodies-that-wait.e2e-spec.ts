import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { BodiesInTheMaking } from '../src/wire/bodies-in-the-making.js';
import { event, push } from './support/http.js';
import { framesOf, TEXT } from './support/raw-frames.js';
import { RawWebSocket } from './support/raw-websocket.js';
import { RedisProcess } from './support/redis-server.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';
import { untilReady } from './support/ready.js';

/** All that may be in the making. The test holds so much of it that there is room for one body, and not for two. */
const MAX_BYTES = 64 * 1024 * 1024;

const BODY = JSON.stringify([event('client1', 1, 'x')]);

let redis: RedisProcess;
let running: RunningApp;
let bodies: BodiesInTheMaking;

beforeAll(async () => {
  redis = await RedisProcess.start();
  running = await startApp({ NOTIFIER_STORE: 'redis', NOTIFIER_REDIS_URL: redis.url });
  await eventually(async () => (await push(running.url, BODY)).status === 200, 'the store takes events');
  bodies = running.app.get(BodiesInTheMaking);
  bodies.take(MAX_BYTES - 2 * BODY.length + 1);
});

afterAll(async () => {
  redis.resume();
  await running.close();
  await redis.remove();
});

function hasRoom(): boolean {
  bodies.take(BODY.length);
  const { areTooMany } = bodies;
  bodies.giveBack(BODY.length);
  return !areTooMany;
}

async function overHttp(): Promise<string> {
  return (await push(running.url, BODY)).text;
}

async function overWebSocket(): Promise<string> {
  const connector = await RawWebSocket.open(running.url, '/push_events', {});
  connector.write(framesOf([{ op: TEXT, data: BODY }]));
  await connector.raw.until(() => connector.texts.length > 0);
  connector.destroy();
  return connector.texts[0]!;
}

test.each([
  ['HTTP', overHttp],
  ['WebSocket', overWebSocket],
])('bodies over %s count until the store has answered', async (_, pushed) => {
  redis.pause();
  const waiting = pushed();
  await eventually(() => !hasRoom(), 'it waits for the store');
  const refused = expect.stringContaining(
    '"message":"too many requests are being received, try again later"',
  );
  expect(await overHttp()).toEqual(refused);
  expect(await overWebSocket()).toEqual(refused);
  redis.resume();
  await waiting;
  expect(hasRoom()).toBe(true);
  await untilReady(running.url);
  expect(await overHttp()).toBe('true');
  expect(await overWebSocket()).toBe('true');
});
