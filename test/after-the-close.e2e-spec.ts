import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { drop, event, get, pushed } from './support/http.js';
import { CLOSE, framesOf, TEXT, type RawFrame } from './support/raw-frames.js';
import { RawWebSocket } from './support/raw-websocket.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';

const FIRST: RawFrame = { op: TEXT, data: '{"access_id":"a","timestamp":0}' };

const NOBODY = '{"clients":[],"next":null}';

describe('after the server has closed a connection', () => {
  let running: RunningApp;

  beforeAll(async () => {
    running = await startApp({ NOTIFIER_SUBSCRIBE_TIMEOUT: '1' });
    await pushed(running.url, [event('a', 1, 'buffered')]);
  });

  afterAll(() => running.close());

  /** Everything that a client gets which says `frames` in one write and does not answer the close. */
  async function received(frames: readonly RawFrame[]): Promise<{ code: number; ops: number[] }> {
    const socket = await RawWebSocket.open(running.url, '/subscribe_to_events', {});
    socket.write(framesOf(frames));
    const code = await socket.closed();
    expect((await get(running.url, '/clients')).text).toBe(NOBODY);
    // The server cuts the connection if the close is not answered: by then, everything has been sent.
    await socket.raw.ended();
    return { code, ops: socket.frames.map(({ op }) => op) };
  }

  test.each([
    ['a first message that is wrong', { op: TEXT, data: '{}' }, 4501],
    ['a binary message', { op: 2, data: 'x' }, 1003],
  ] as const)('%s is not made good by a right one: no data follows the close', async (_what, frame, code) => {
    expect(await received([frame, FIRST, FIRST])).toEqual({ code, ops: [CLOSE] });
  });

  test('what is pushed while the close is not answered yet is not sent', async () => {
    const socket = await RawWebSocket.open(running.url, '/subscribe_to_events', {});
    socket.write(framesOf([FIRST]));
    await socket.raw.until(() => socket.texts.length > 0);
    await drop(running.url, 'a');
    await pushed(running.url, [event('a', 2, 'after the drop')]);
    await socket.raw.ended();
    expect(socket.closeCode).toBe(4503);
    expect(socket.frames.map(({ op }) => op)).toEqual([TEXT, CLOSE]);
  });

  test.each([
    ['a broken frame', { op: 3, data: 'x' }, 1002],
    ['a close of the client', { op: CLOSE, data: { hex: '03e8' } }, 1000],
  ] as const)('%s is answered with the close and nothing else', async (_what, frame, code) => {
    const socket = await RawWebSocket.open(running.url, '/subscribe_to_events', {});
    const first = { op: TEXT, data: '{"access_id":"b","timestamp":0}' };
    socket.write(framesOf([first, frame]));
    for (let i = 0; i < 20; i++) await pushed(running.url, [event('b', i, i)]);
    await socket.raw.ended();
    expect(socket.closeCode).toBe(code);
    expect(socket.frames.at(-1)!.op).toBe(CLOSE);
  });

  test('a connector that sent a binary message has what follows neither stored nor answered', async () => {
    const socket = await RawWebSocket.open(running.url, '/push_events', {});
    const body = JSON.stringify([event('c', 1, 'after the close')]);
    const message = { op: TEXT, data: body };
    socket.write(framesOf([{ op: 2, data: body }, message, message]));
    expect(await socket.closed()).toBe(1003);
    await socket.raw.ended();
    expect(socket.frames.map(({ op }) => op)).toEqual([CLOSE]);
    expect((await get(running.url, '/clients?access_id=c')).text).toContain('"events":0');
  });

  test('a first message that comes too late subscribes to nothing', async () => {
    const socket = await RawWebSocket.open(running.url, '/subscribe_to_events', {});
    expect(await socket.closed()).toBe(4002);
    socket.write(framesOf([FIRST]));
    await socket.raw.ended();
    expect(socket.frames.map(({ op }) => op)).toEqual([CLOSE]);
  });

  test('nobody stays registered', async () => {
    await eventually(async () => (await get(running.url, '/clients')).text === NOBODY, 'nobody is connected');
  });
});
