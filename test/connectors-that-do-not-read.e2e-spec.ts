import { afterEach, expect, test } from '@jest/globals';
import { Lifecycle } from '../src/notifier/lifecycle.js';
import { OpenConnections } from '../src/notifier/open-connections.js';
import { ShutdownService } from '../src/notifier/shutdown.service.js';
import { Figures } from './support/figures.js';
import { Gates, settle } from './support/gates.js';
import { event } from './support/http.js';
import { CLOSE, framesOf, TEXT } from './support/raw-frames.js';
import { RawWebSocket } from './support/raw-websocket.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { TestStore } from './support/test-store.js';
import { eventually } from './support/wait.js';
import { WrappedLog } from './support/wrapped-log.js';
import { collectGarbage } from './support/garbage.js';

let running: RunningApp;

afterEach(() => running.close());

const BINARY = 2;
const PING = 9;

const connect = () => RawWebSocket.open(running.url, '/push_events', {});

/** A message that is answered with an error of more than 100 bytes. */
const MESSAGE = framesOf([{ op: TEXT, data: 'x' }]);

/** More messages than there is room for their answers in the systems of both ends. */
const MANY = 150_000;

/** Sends many messages, and reads no answer. */
function sendMany(connector: RawWebSocket): void {
  connector.raw.socket.pause();
  connector.write(Buffer.alloc(MESSAGE.length * MANY, MESSAGE));
}

/** How many messages have been read. */
async function answered(): Promise<number> {
  return (await Figures.of(running.url)).value('notifier_errors_answered_total{status="400"}');
}

test('a connector that takes no answers is not read any further, and is cut', async () => {
  running = await startApp({ NOTIFIER_HEARTBEAT: '1' });
  sendMany(await connect());
  const connections = running.app.get(OpenConnections);
  await eventually(() => connections.count === 0, 'it is cut');
  expect(await answered()).toBeLessThan(MANY);
});

test('one that reads after a while gets every answer', async () => {
  running = await startApp();
  const connector = await connect();
  const { raw } = connector;
  const handshakeBytes = raw.socket.bytesRead;
  connector.write(MESSAGE);
  await raw.until(() => connector.texts.length === 1);
  const answerBytes = raw.socket.bytesRead - handshakeBytes;
  sendMany(connector);
  await eventually(async () => (await answered()) === (await answered()), 'it is not read any further');
  expect(await answered()).toBeLessThan(MANY);
  raw.socket.resume();
  await raw.until(({ socket }) => socket.bytesRead === handshakeBytes + (MANY + 1) * answerBytes);
  raw.destroy();
});

test('of a connector with 64 messages unanswered no more is read, nor a sign of life asked for', async () => {
  const gates = new Gates();
  const log = new WrappedLog(new TestStore('memory').open());
  let pushes = 0;
  log.at = (point) => {
    if (point === 'append') pushes++;
    return gates.pass(point);
  };
  running = await startApp({ NOTIFIER_HEARTBEAT: '1' }, [log.provider]);
  const [connector, other] = [await connect(), await connect()];
  gates.close('append');
  // No two of them are whole in one chunk of what is read.
  const body = `${' '.repeat(100_000)}${JSON.stringify([event('client1', 1, 'x')])}`;
  connector.write(framesOf([{ op: TEXT, data: body, times: 100 }]));
  await eventually(() => pushes >= 64, '64 messages are read');
  const asking = setInterval(() => other.write(framesOf([{ op: PING, data: '' }])), 100);
  await other.raw.until(() => other.frames.filter(({ op }) => op === PING).length === 4);
  clearInterval(asking);
  expect(pushes).toBe(64);
  gates.open('append');
  await connector.raw.until(() => connector.texts.length === 100);
  expect(new Set(connector.texts)).toEqual(new Set(['true']));
  connector.destroy();
  other.destroy();
});

const FOREIGN = 3;
const TOO_LARGE = JSON.stringify('x'.repeat(1_048_576));

test.each([
  ['a close', { op: CLOSE, data: { hex: '03e8' } }, 1000],
  ['a frame of no kind', { op: FOREIGN, data: '' }, 1002],
  ['a message that is too large', { op: TEXT, data: TOO_LARGE }, 1009],
  ['a binary message', { op: BINARY, data: 'x' }, 1003],
])('pushes are answered before %s behind them ends the connection', async (_, last, code) => {
  const gates = new Gates();
  const log = new WrappedLog(new TestStore('memory').open());
  log.at = (point) => gates.pass(point);
  running = await startApp({}, [log.provider]);
  const connector = await connect();
  gates.close('appended');
  const push = { op: TEXT, data: JSON.stringify([event('client1', 1, 'x')]) };
  connector.write(framesOf([push, push, last]));
  await gates.reached('appended');
  // Of what comes behind the end nothing is stored, and nothing is kept.
  connector.write(framesOf([push]));
  // Nor does it change the end that the server goes down meanwhile.
  running.app.get(OpenConnections).all()[0]!.end({ reason: 'restarting' });
  gates.open('appended');
  expect(await connector.closed()).toBe(code);
  expect(connector.texts).toEqual(['true', 'true']);
  expect((await log.extent('client1')).events).toBe(2);
  connector.destroy();
});

test.each([
  ['says that nothing more will come', []],
  ['closes and says that nothing more will come', [{ op: CLOSE, data: { hex: '03e8' } }]],
])('a connector that %s gets its answers', async (_, last) => {
  const gates = new Gates();
  const log = new WrappedLog(new TestStore('memory').open());
  log.at = (point) => gates.pass(point);
  running = await startApp({ NOTIFIER_HEARTBEAT: '1' }, [log.provider]);
  const [connector, other] = [await connect(), await connect()];
  gates.close('appended');
  const push = { op: TEXT, data: JSON.stringify([event('client1', 1, 'x')]) };
  connector.write(framesOf([push, push, ...last]));
  connector.raw.end();
  await gates.reached('appended');
  // A heartbeat cannot ask who says nothing more.
  await other.raw.until(() => other.frames.filter(({ op }) => op === PING).length === 1);
  await other.raw.ended();
  gates.open('appended');
  await connector.raw.ended();
  expect(connector.texts).toEqual(['true', 'true']);
  expect(connector.closeCode).toBe(last.length > 0 ? 1000 : 1006);
  const connections = running.app.get(OpenConnections);
  await eventually(() => connections.count === 0, 'nobody is left');
  other.destroy();
});

test('a connector that says that nothing more will come, and is gone between two answers, harms nobody', async () => {
  const gates = new Gates();
  const log = new WrappedLog(new TestStore('memory').open());
  let appended = 0;
  log.at = async (point) => {
    if (point === 'appended') await gates.pass(`push ${++appended}`);
  };
  running = await startApp({}, [log.provider]);
  const [connector, other] = [await connect(), await connect()];
  gates.close('push 1', 'push 2');
  const push = { op: TEXT, data: JSON.stringify([event('client1', 1, 'x')]) };
  connector.write(framesOf([push, push]));
  connector.raw.end();
  await gates.reached('push 2');
  // The server has read the end before the reset comes, of which only its first answer tells it.
  await settle();
  connector.raw.socket.resetAndDestroy();
  gates.open('push 1');
  const connections = running.app.get(OpenConnections);
  await eventually(() => connections.count === 1, 'it is gone');
  gates.open('push 2');
  other.write(framesOf([push]));
  await other.raw.until(() => other.texts.length === 1);
  expect(other.texts).toEqual(['true']);
  other.destroy();
});

test('pushes that are on their way when the server goes down are answered before the close', async () => {
  const gates = new Gates();
  const log = new WrappedLog(new TestStore('memory').open());
  log.at = (point) => gates.pass(point);
  running = await startApp({ NOTIFIER_SHUTDOWN_DELAY: '0' }, [log.provider]);
  const connector = await connect();
  gates.close('appended');
  const push = { op: TEXT, data: JSON.stringify([event('client1', 1, 'x')]) };
  connector.write(framesOf([push, push]));
  await gates.reached('appended');
  const down = running.app.get(ShutdownService).run();
  const lifecycle = running.app.get(Lifecycle);
  await eventually(() => lifecycle.isEnding, 'the end has begun');
  // What comes once the end has begun is neither stored nor answered.
  connector.write(framesOf([push]));
  gates.open('appended');
  expect(await connector.closed()).toBe(1012);
  expect(connector.texts).toEqual(['true', 'true']);
  expect((await log.extent('client1')).events).toBe(2);
  connector.destroy();
  await down;
});

test('of a connector that is gone nothing is kept once another one has come and gone', async () => {
  running = await startApp();
  const connections = running.app.get(OpenConnections);
  const kept: WeakRef<object>[] = [];
  for (let i = 0; i < 2; i++) {
    const connector = await connect();
    kept.push(new WeakRef(connections.all()[0]!));
    connector.destroy();
    await eventually(() => connections.count === 0, 'it is gone');
  }
  await eventually(() => {
    collectGarbage();
    return kept[0]!.deref() === undefined;
  }, 'nothing is kept of it');
});
