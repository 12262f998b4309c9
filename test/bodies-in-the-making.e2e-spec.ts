import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { OpenConnections } from '../src/notifier/open-connections.js';
import { BodiesInTheMaking } from '../src/wire/bodies-in-the-making.js';
import { Gates } from './support/gates.js';
import { event, push } from './support/http.js';
import { CLOSE, framesOf, TEXT } from './support/raw-frames.js';
import { RawWebSocket } from './support/raw-websocket.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { TestStore } from './support/test-store.js';
import { eventually } from './support/wait.js';
import { WrappedLog } from './support/wrapped-log.js';

const MIB = 1024 * 1024;
const CONTINUATION = 0;
const PING = 9;
const PONG = 10;

/** Two of them are more than there may be at a time. */
const PART = framesOf([{ op: TEXT, data: ' '.repeat(40 * MIB), fin: 0 }]);
const REST = framesOf([{ op: CONTINUATION, data: JSON.stringify([event('client1', 1, 'x')]) }]);
const ASK = framesOf([{ op: PING, data: '' }]);

let running: RunningApp;

beforeAll(async () => {
  running = await startApp({ NOTIFIER_MAX_BODY: `${48 * MIB}` });
});

afterAll(() => running.close());

const connect = ({ url }: RunningApp) => RawWebSocket.open(url, '/push_events', {});

const count = ({ frames }: RawWebSocket, kind: number) => frames.filter(({ op }) => op === kind).length;
const pings = (connector: RawWebSocket) => count(connector, PING);
const pongs = (connector: RawWebSocket) => count(connector, PONG);

/** A connector of whose message the server has the first 40 MiB. */
async function inTheMaking(): Promise<RawWebSocket> {
  const connector = await connect(running);
  connector.write(Buffer.concat([PART, ASK]));
  await connector.raw.until(() => pongs(connector) > 0);
  return connector;
}

async function connections(count: number): Promise<void> {
  await eventually(() => running.app.get(OpenConnections).count === count, `${count} connections are left`);
}

test('messages of more than 64 MiB are not in the making at once, and there is room again afterwards', async () => {
  for (let round = 0; round < 3; round++) {
    const first = await inTheMaking();
    const second = await connect(running);
    second.write(PART);
    expect(await second.closed()).toBe(1013);
    expect(second.closeReason.toString()).toBe('try again later: too many requests are being received');
    await connections(1);
    second.destroy();
    first.write(REST);
    await first.raw.until(() => first.texts.length === 1);
    expect(first.texts).toEqual(['true']);
    // One that breaks off gives back what it took, as one that is whole.
    const third = await inTheMaking();
    third.destroy();
    first.destroy();
    await connections(0);
  }
});

test('what is said between messages is given back once', async () => {
  const connector = await connect(running);
  connector.write(Buffer.concat([framesOf([{ op: TEXT, data: '[]' }]), ASK, ASK]));
  await connector.raw.until(() => pongs(connector) === 2 && connector.texts.length === 1);
  const bodies = running.app.get(BodiesInTheMaking);
  bodies.take(64 * MIB);
  expect(bodies.areTooMany).toBe(false);
  bodies.take(1);
  expect(bodies.areTooMany).toBe(true);
  bodies.giveBack(64 * MIB + 1);
  connector.destroy();
  await connections(0);
});

test('too many of them end nobody who sends none', async () => {
  const idle = await connect(running);
  const first = await inTheMaking();
  const second = await connect(running);
  second.write(PART);
  expect(await second.closed()).toBe(1013);
  // What the second one took is given back when it is gone, which it is not yet.
  for (let asked = 1; asked <= 2; asked++) {
    idle.write(ASK);
    await idle.raw.until(() => pongs(idle) === asked);
  }
  expect(idle.closeCode).toBeUndefined();
  for (const connector of [first, second, idle]) connector.destroy();
  await connections(0);
});

test('those over HTTP count with them', async () => {
  const connector = await inTheMaking();
  const body = Buffer.concat([Buffer.alloc(40 * MIB, ' '), Buffer.from('[]')]);
  expect((await push(running.url, body)).status).toBe(503);
  connector.write(REST);
  await connector.raw.until(() => connector.texts.length === 1);
  expect((await push(running.url, body)).status).toBe(200);
  connector.destroy();
});

test('a message whose end does not come is given up, whatever else its connector says', async () => {
  const quick = await startApp({ NOTIFIER_HEARTBEAT: '1' });
  const connector = await connect(quick);
  connector.write(framesOf([{ op: TEXT, data: '[', fin: 0 }]));
  const asking = setInterval(() => connector.write(ASK), 100);
  expect(await connector.closed()).toBe(1013);
  expect(connector.closeReason.toString()).toBe('try again later: a message was not whole after a heartbeat');
  clearInterval(asking);
  await connector.raw.until(({ isEnded }) => isEnded);
  connector.destroy();
  await quick.close();
});

test('one whose end comes before the next heartbeat is answered, and its connector stays', async () => {
  const quick = await startApp({ NOTIFIER_HEARTBEAT: '1' });
  const connector = await connect(quick);
  connector.write(framesOf([{ op: TEXT, data: '[', fin: 0 }]));
  await connector.raw.until(() => pings(connector) === 1);
  connector.write(framesOf([{ op: CONTINUATION, data: ']' }]));
  const asking = setInterval(() => connector.write(ASK), 100);
  await connector.raw.until(() => pings(connector) === 3);
  clearInterval(asking);
  expect(connector.texts).toEqual(['true']);
  expect(connector.closeCode).toBeUndefined();
  connector.destroy();
  await quick.close();
});

test('what was pushed before one that is given up is answered, however slow the store', async () => {
  const gates = new Gates();
  const log = new WrappedLog(new TestStore('memory').open());
  log.at = (point) => gates.pass(point);
  const quick = await startApp({ NOTIFIER_HEARTBEAT: '1' }, [log.provider]);
  const [late, other] = [await connect(quick), await connect(quick)];
  gates.close('appended');
  const body = JSON.stringify([event('client1', 1, 'x')]);
  late.write(framesOf([{ op: TEXT, data: body }]));
  await gates.reached('appended');
  late.write(framesOf([{ op: TEXT, data: '[', fin: 0 }]));
  const asking = setInterval(() => [late, other].forEach((connector) => connector.write(ASK)), 100);
  const hasGivenUp = () => quick.app.get(OpenConnections).all()[0]!.ending !== undefined;
  await eventually(hasGivenUp, 'the message is given up');
  const heard = pings(other);
  await other.raw.until(() => pings(other) === heard + 1);
  const answered = pongs(late);
  await other.raw.until(() => pings(other) === heard + 3);
  clearInterval(asking);
  // Nothing more is read of it, either.
  expect(pongs(late)).toBe(answered);
  gates.open('appended');
  expect(await late.closed()).toBe(1013);
  expect(late.texts).toEqual(['true']);
  await late.raw.ended();
  late.destroy();
  other.destroy();
  await quick.close();
});

test('what comes behind a close that waits for answers takes no room from others', async () => {
  const gates = new Gates();
  const log = new WrappedLog(new TestStore('memory').open());
  log.at = (point) => gates.pass(point);
  const quick = await startApp({}, [log.provider]);
  const leaving = await connect(quick);
  gates.close('appended');
  const body = JSON.stringify([event('client1', 1, 'x')]);
  leaving.write(
    framesOf([
      { op: TEXT, data: body },
      { op: CLOSE, data: { hex: '03e8' } },
    ]),
  );
  await gates.reached('appended');
  leaving.write(Buffer.alloc(80 * MIB));
  await eventually(() => leaving.raw.socket.writableLength === 0, 'it has been read');
  expect((await push(quick.url, '[{}]')).status).toBe(400);
  gates.open('appended');
  leaving.destroy();
  await quick.close();
});

test.each([
  ['asks', ASK],
  ['says', framesOf([{ op: PONG, data: 'alive' }])],
])('one that does nothing but live is not (it %s)', async (_, sign) => {
  const quick = await startApp({ NOTIFIER_HEARTBEAT: '1' });
  const connector = await connect(quick);
  const asking = setInterval(() => connector.write(sign), 100);
  await connector.raw.until(() => pings(connector) === 4);
  clearInterval(asking);
  expect(connector.closeCode).toBeUndefined();
  connector.destroy();
  await quick.close();
});
