import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { TextArena, type Place, type TextOwner } from './text-arena.js';

const SEGMENT = 64 * 1024;

/** Texts under numbers of its own, as they were given and where they stand. */
class Owner implements TextOwner {
  readonly texts = new Map<number, { readonly text: string; place: Place }>();
  moves = 0;
  private next = 0;

  constructor(private readonly arena: TextArena) {}

  add(text: string): void {
    const number = this.next++;
    this.texts.set(number, { text, place: this.arena.add(text, this, number) });
  }

  release(number: number): void {
    const { text, place } = this.texts.get(number)!;
    this.texts.delete(number);
    this.arena.release(place, text.length);
  }

  holds(number: number): boolean {
    return this.texts.has(number);
  }

  moved(number: number, place: Place): void {
    this.moves++;
    this.texts.get(number)!.place = place;
  }
}

function textOf(bytes: number, salt: number): string {
  return String.fromCharCode(...Array.from({ length: 7 }, (_, i) => (salt * 31 + i * 53) % 256))
    .repeat(Math.ceil(bytes / 7))
    .slice(0, bytes);
}

const bytesOf = (owners: readonly Owner[]) =>
  owners.flatMap(({ texts }) => [...texts.values()]).reduce((sum, { text }) => sum + text.length, 0);

const size = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 1, max: 8000 }) },
  fc.integer({ min: 7000, max: 9000 }),
  fc.integer({ min: 60_000, max: 140_000 }),
);
const step = fc.record({
  owner: fc.nat(3),
  sizes: fc.array(size, { minLength: 20, maxLength: 150, size: 'max' }),
  /** Tenths of what the owner has then that it lets go of, and whether of the oldest or here and there. */
  released: fc.nat({ max: 10 }),
  inOrder: fc.boolean(),
});

describe('TextArena', () => {
  test('gives back every text that was not released, wherever it has been moved to, in at most twice the memory', () => {
    let moves = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25, size: 'max' }), (steps) => {
        const arena = new TextArena(SEGMENT);
        const owners = Array.from({ length: 4 }, () => new Owner(arena));
        for (const [i, { owner, sizes, released, inOrder }] of steps.entries()) {
          const one = owners[owner]!;
          for (const [j, bytes] of sizes.entries()) one.add(textOf(bytes, i * 100 + j));
          const numbers = [...one.texts.keys()];
          const count = Math.floor((numbers.length * released) / 10);
          const gone = inOrder ? numbers.slice(0, count) : numbers.filter((n) => (n * 7) % 10 < released);
          for (const number of gone) one.release(number);
          // No more is wasted when something was let go of: a segment that has just been begun may add to it.
          expect(arena.bytes).toBeLessThanOrEqual(2 * bytesOf(owners) + 2 * SEGMENT);
        }
        expectTexts(arena, owners);
        for (const owner of owners) for (const number of owner.texts.keys()) owner.release(number);
        expect(arena.bytes).toBeLessThanOrEqual(2 * SEGMENT);
        moves += owners.reduce((sum, owner) => sum + owner.moves, 0);
      }),
      { numRuns: 50, endOnFailure: true },
    );
    expect(moves).toBeGreaterThan(0);
  });

  test('moves nothing where the oldest texts go first', () => {
    const arena = new TextArena();
    const owner = new Owner(arena);
    for (let i = 0; i < 20_000; i++) {
      owner.add(textOf(240, i));
      if (i >= 5000) owner.release(i - 5000);
    }
    expect(owner.moves).toBe(0);
    expect(arena.bytes).toBeLessThan(5000 * 240 + 3 * SEGMENT);
  });

  /** Segments that are full, then some of which one text in a hundred is left. */
  function fullAndMostlyGone(): { arena: TextArena; full: Owner; rest: Owner } {
    const arena = new TextArena(SEGMENT);
    const [full, rest] = [new Owner(arena), new Owner(arena)];
    for (let i = 0; i < 2700; i++) full.add(textOf(240, i));
    for (let i = 0; i < 5400; i++) rest.add(textOf(240, i));
    for (let i = 0; i < 5400; i++) if (i % 100 !== 0) rest.release(i);
    return { arena, full, rest };
  }

  test('moves what is left of those that are mostly gone, and leaves those alone that are full', () => {
    const { arena, full, rest } = fullAndMostlyGone();
    expect(full.moves).toBe(0);
    expect(rest.moves).toBeGreaterThan(0);
    expectTexts(arena, [full, rest]);
  });

  test('goes on writing where it was when all others stand behind that', () => {
    const { arena, full, rest } = fullAndMostlyGone();
    for (const number of rest.texts.keys()) rest.release(number);
    for (let i = 0; i < 2700; i++) if (i % 100 !== 0) full.release(i);
    for (let i = 0; i < 100; i++) rest.add(textOf(240, i));
    expectTexts(arena, [full, rest]);
    expect(arena.bytes).toBeLessThanOrEqual(2 * bytesOf([full, rest]) + 2 * SEGMENT);
  });
});

function expectTexts(arena: TextArena, owners: readonly Owner[]): void {
  for (const { texts } of owners) {
    for (const { text, place } of texts.values()) expect(arena.text(place, text.length) === text).toBe(true);
  }
}
