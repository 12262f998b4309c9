import { describe, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { PushedEvent } from '../../src/notifier/event.js';
import type { Bounds } from '../../src/storage/bounds.js';
import { claimed, eventOf, push } from './events.js';
import { leftOut, Announcements, DEFAULT_BOUNDS, ManualClock, type Suite } from './harness.js';
import { World } from './world.js';

const HOUR_MS = 3_600_000;
const USERS = ['alice', 'bob', 'é'];

type Step = (world: World, number: number) => void | Promise<void>;

/** A step that a failed history is reported with. */
function step(name: string, run: Step): Step {
  return Object.assign(run, { [fc.toStringMethod]: () => name });
}

const user = fc.constantFrom(...USERS);
const createdAt = fc.integer({ min: 0, max: 20 });
const event = fc.record({ user, createdAt, bytes: fc.integer({ min: 80, max: 250 }) });
const events = fc.array(event, { minLength: 1, maxLength: 5 });
type Sketch = readonly { readonly user: string; readonly createdAt: number; readonly bytes: number }[];

/** No two events of a history have the same text: the payload begins with the number of the push and of the event in it. */
function drawn(sketch: Sketch, number: string): PushedEvent[] {
  return sketch.map(({ user, createdAt, bytes }, i) => {
    const padded = eventOf(bytes, user, createdAt);
    const mark = `"${number}/${i}/`;
    return { ...padded, text: padded.text.replace(/"x+/, (xs) => mark.padEnd(xs.length, 'x')) };
  });
}

const said = (sketch: Sketch) =>
  sketch.map((one) => `${one.user} ${one.createdAt} (${one.bytes})`).join(', ');

const pushing = events.map((sketch) =>
  step(`push ${said(sketch)}`, (world, number) => world.push([push(...drawn(sketch, `${number}`))])),
);
const pushingAtOnce = fc
  .array(events, { minLength: 2, maxLength: 4 })
  .map((sketches) =>
    step(`push at once ${sketches.map(said).join(' | ')}`, (world, number) =>
      world.push(sketches.map((sketch, i) => push(...drawn(sketch, `${number}.${i}`)))),
    ),
  );
const repeating = events.map((sketch) =>
  step(`push and repeat ${said(sketch)}`, async (world, number) => {
    await world.push([claimed(`key ${number}`, 'one', ...drawn(sketch, `${number}`))]);
    await world.repeat(claimed(`key ${number}`, 'one', ...drawn(sketch, `${number}`)), 'repeated');
    await world.repeat(claimed(`key ${number}`, 'two', ...drawn(sketch, `${number}!`)), 'conflict');
  }),
);
const dropping = user.map((name) => step(`drop ${name}`, (world) => world.drop(world.user(name))));
const taking = fc
  .tuple(user, fc.oneof(fc.constantFrom('newest' as const, 'oldest' as const), fc.nat(1000)))
  .map(([name, which]) => step(`take ${name} ${which}`, (world) => world.take(world.user(name), which)));
const resuming = fc
  .tuple(fc.nat(1000), fc.option(createdAt, { nil: undefined }))
  .map(([place, timestamp]) =>
    step(`resume ${place}, ${timestamp}`, (world) => world.resume(place, timestamp)),
  );
const starting = fc
  .tuple(user, createdAt)
  .map(([name, time]) => step(`start ${name} ${time}`, (world) => world.start(world.user(name), time)));
const reopening = fc.constant(step('reopen', (world) => world.reopen()));
const advancing = fc
  .constantFrom(1, 500, HOUR_MS / 2, HOUR_MS, HOUR_MS + 1, 3 * HOUR_MS, 4 * HOUR_MS)
  .map((ms) => step(`advance ${ms}`, (world) => world.advance(ms)));

const timeless = [pushing, pushingAtOnce, repeating, dropping, taking, resuming, starting, reopening];

/** Random histories against a simple model: a verdict is never better than the truth, nor worse without need. */
export function describeModel({ open, can }: Suite): void {
  const anyStep = fc.oneof(...timeless, ...(can.manualClock ? [advancing, advancing] : []));
  const histories = fc.array(anyStep, { minLength: 3, maxLength: 40 });
  const deadlineMs = 180_000;

  async function live(history: readonly Step[], differing: Partial<Bounds>, isExact: boolean): Promise<void> {
    const bounds = { ...DEFAULT_BOUNDS, ...differing };
    const clock = new ManualClock();
    const harness = await open(bounds, clock.read);
    try {
      const announcements = await Announcements.of(harness, ...USERS);
      const world = new World(harness, announcements, clock, bounds, USERS, isExact);
      for (const [number, step] of history.entries()) await step(world, number);
      await world.resumeAll();
    } finally {
      await harness.close();
    }
  }

  describe('in any history', () => {
    const aged = can.manualClock ? { bufferTtlMs: HOUR_MS, headTtlMs: 3 * HOUR_MS } : {};

    it(
      'who comes back is told the truth, and gets all there is',
      async () => {
        const bounds = { ...aged, bufferEvents: 6, bufferBytes: 1000 };
        const holds = fc.asyncProperty(histories, (history) => live(history, bounds, true));
        await fc.assert(holds, { numRuns: can.histories });
      },
      deadlineMs,
    );

    (can.totalBytes ? it : leftOut)(
      'who comes back is told the truth by a store that is too small',
      async () => {
        const bounds = { ...aged, bufferEvents: 10, totalBytes: 3000 };
        const holds = fc.asyncProperty(histories, (history) => live(history, bounds, false));
        await fc.assert(holds, { numRuns: can.histories });
      },
      deadlineMs,
    );
  });
}
