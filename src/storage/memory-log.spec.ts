import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { Bounds } from './bounds.js';
import { MemoryLog } from './memory-log.js';
import { TextArena } from './text-arena.js';

interface Model {
  readonly seq: number;
  readonly tag: number;
  readonly createdAt: number;
  readonly text: string;
  readonly arrived: number;
}

const BOUNDS: Bounds = {
  bufferEvents: 150,
  bufferBytes: 4000,
  bufferTtlMs: 1000,
  totalBytes: Infinity,
  headTtlMs: Infinity,
  idempotencyTtlMs: Infinity,
};

const byteString = fc
  .array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 60 })
  .map((bytes) => String.fromCharCode(...bytes));

/** Events that come at once, and the milliseconds before them. */
const bursts = fc.array(
  fc.record({
    wait: fc.oneof(fc.constant(0), fc.nat({ max: 400 })),
    texts: fc.array(byteString, { minLength: 1, maxLength: 90, size: 'max' }),
    createdAt: fc.maxSafeInteger(),
  }),
  { maxLength: 12, size: 'max' },
);

describe('MemoryLog', () => {
  test('holds what its bounds leave, byte for byte, however fast it came', () => {
    fc.assert(
      fc.property(bursts, fc.nat(), (all, salt) => {
        const log = new MemoryLog('alice', 0, -Infinity, BOUNDS, new TextArena());
        let model: Model[] = [];
        let now = 1_700_000_000_000;
        let seq = 0;
        for (const [tag, { wait, texts, createdAt }] of all.entries()) {
          now += wait;
          log.expire(now);
          model = model.filter(({ arrived }) => arrived >= now - BOUNDS.bufferTtlMs);
          for (const text of texts) {
            log.append({ accessId: 'alice', createdAt, text }, tag, now);
            model.push({ seq: ++seq, tag, createdAt, text, arrived: now });
            while (model.length > BOUNDS.bufferEvents || bytesOf(model) > BOUNDS.bufferBytes) model.shift();
          }
          expect(log.length).toBe(model.length);
          expect(log.trimmedSeq).toBe(seq - model.length);
          expect(log.extent()).toMatchObject({ events: model.length, bytes: bytesOf(model), drops: 0 });
          expectPages(log, model, model.length === 0 ? 0 : salt % model.length);
        }
        log.clear();
        expect(log.extent()).toMatchObject({ events: 0, bytes: 0, oldest: undefined, newest: undefined });
      }),
      { numRuns: 100, endOnFailure: true },
    );
  });

  test('lets go of what it kept of an event, once that is gone', () => {
    const arena = new TextArena();
    const log = new MemoryLog('alice', 0, -Infinity, BOUNDS, arena);
    const { bytes } = arena;
    const append = (i: number) =>
      log.append({ accessId: 'alice', createdAt: i, text: 'x'.repeat(240) }, i, 1_700_000_000_000);
    for (let i = 0; i < 16; i++) append(i);
    const ofHeld = log.bytes;
    for (let i = 0; i < 10_000; i++) append(i);
    expect(arena.bytes).toBeLessThanOrEqual(3 * bytes);
    expect(log.bytes).toBeLessThan(2 * ofHeld);
  });
});

function fields({ seq, tag, createdAt, text }: Omit<Model, 'arrived'>) {
  return { seq, tag, createdAt, text };
}

function bytesOf(events: readonly Model[]): number {
  return events.reduce((sum, { text }) => sum + text.length, 0);
}

/** The page from after the event at `index`, and the tags of all. */
function expectPages(log: MemoryLog, model: readonly Model[], index: number): void {
  for (const { seq, tag } of model) expect(log.tagAt(seq)).toBe(tag);
  expect(log.tagAt(log.trimmedSeq)).toBeUndefined();
  expect(log.tagAt(log.seq + 1)).toBeUndefined();
  if (model.length === 0) return;
  const { seq, tag } = model[index]!;
  const { events, reachedHead } = log.page({ epoch: log.epoch, seq, tag }, Infinity, undefined);
  expect(reachedHead).toBe(true);
  expect(events.map(fields)).toEqual(model.slice(index + 1).map(fields));
}
