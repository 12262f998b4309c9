import { afterEach, expect, test } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import { TestStore } from '../../../test/support/test-store.js';
import type { EventLog, StoredEvent } from '../../notifier/event-log.js';
import type { Position } from '../../notifier/position.js';

const USER = 'ann';
const PUSHES = 300;
/** Fewer than are pushed, so that commits trim what is being read. */
const BUFFER_EVENTS = 50;
/** Turns of the event loop between two looks of the reader. */
const LAG = 12;

const store = new TestStore('lmdb');
let log: EventLog | undefined;

afterEach(async () => {
  await log?.close();
  store.remove();
});

async function pushAll(log: EventLog): Promise<void> {
  for (let i = 1; i <= PUSHES; i++) {
    await log.append({ events: [{ accessId: USER, createdAt: i, text: String(i) }] });
  }
}

/** Keeps this thread from hearing of a commit that another thread makes meanwhile. */
function hold(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
}

/** Reads as a cursor does that falls behind a little, and tells where it lost its place. */
async function followed(log: EventLog): Promise<{ events: StoredEvent[]; lost: number }> {
  const events: StoredEvent[] = [];
  const { store: memory } = await log.view(USER, 0);
  let position: Position = { epoch: memory.epoch, seq: memory.serial, tag: 0 };
  while (events.at(-1)?.seq !== PUSHES) {
    for (let i = 0; i < LAG; i++) await turn();
    hold();
    for (let i = 0; i < 2; i++) {
      const page = await log.read(USER, position, 1e6, undefined);
      if (!page) return { events, lost: position.seq };
      events.push(...page.events);
      position = page.end;
    }
  }
  return { events, lost: 0 };
}

test('a reader that is faster than the commits are known never loses its place, nor an event', async () => {
  log = store.open({ bufferEvents: BUFFER_EVENTS });
  const [{ events, lost }] = await Promise.all([followed(log), pushAll(log)]);
  expect(lost).toBe(0);
  expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: PUSHES }, (_, i) => i + 1));
});
