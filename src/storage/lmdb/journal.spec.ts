import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { encodeEntry, type Changes } from './journal-entry.js';
import { Journal, readJournals } from './journal.js';
import type { Meta } from './meta.js';

const EPOCH = 'AbCdEf12';
const LENGTH = 3000;

let dir: string;
let path: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'notifier-journal-'));
  path = join(dir, 'file');
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function metaOf(commit: number): Meta {
  return { epoch: EPOCH, commit, serial: commit } as Meta;
}

/** Changes whose bytes say which commit they are of. */
function changesOf(commit: number, size: number): Changes {
  const key = Buffer.from(`key${commit}`);
  const gone = Buffer.from(`gone${commit}`);
  return {
    puts: new Map([[key.toString('latin1'), [key, Buffer.alloc(size, commit)]]]),
    removes: new Map([[gone.toString('latin1'), gone]]),
  };
}

/** Commits of these sizes, the first of them numbered 1; each carries the journal over once it is long. @returns where each entry stands */
async function write(journal: Journal, sizes: readonly number[]): Promise<{ pass: number; at: number }[]> {
  const places: { pass: number; at: number }[] = [];
  let [pass, at] = [0, 0];
  for (const [i, size] of sizes.entries()) {
    const { entry } = encodeEntry(changesOf(i + 1, size), metaOf(i + 1));
    places.push({ pass, at });
    await journal.append(entry);
    at += entry.length;
    if (!journal.isLong) continue;
    journal.turn();
    journal.release();
    [pass, at] = [pass + 1, 0];
  }
  return places;
}

function numbers(commit: number, epoch = EPOCH): number[] {
  return readJournals(path, epoch, commit).entries.map(({ number }) => number);
}

/** The file of a pass: the two take turns. */
function fileOf(pass: number): string {
  return `${path}-journal-${1 + (pass % 2)}`;
}

const sizes = fc.array(fc.nat(1500), { minLength: 1, maxLength: 25 });

test('all commits of the last two passes are read as they were written, and of those only what is asked for', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, fc.nat(30), async (all, skipped) => {
      const journal = new Journal(path, false, LENGTH);
      const places = await write(journal, all);
      const first = places.findIndex(({ pass }) => pass >= places.at(-1)!.pass - 1) + 1;
      const commit = Math.max(first - 1, skipped);
      const wanted = all.map((_, i) => i + 1).filter((number) => number > commit);
      const { entries, newest } = readJournals(path, EPOCH, commit);
      expect(newest).toBe(Math.max(commit, all.length));
      expect(entries.map(({ number }) => number)).toEqual(wanted);
      for (const { number, puts, removes, meta } of entries) {
        const changes = changesOf(number, all[number - 1]!);
        expect(puts).toEqual([...changes.puts.values()]);
        expect(removes).toEqual([...changes.removes.values()]);
        expect(meta).toEqual(metaOf(number));
      }
      journal.remove();
      await journal.close();
    }),
    { numRuns: 100 },
  );
});

test('a commit whose writing was cut off anywhere is none, and those before it are whole', async () => {
  await fc.assert(
    fc.asyncProperty(sizes, fc.nat(), fc.integer({ min: 1, max: 255 }), async (all, place, change) => {
      const journal = new Journal(path, false, LENGTH);
      const places = await write(journal, all);
      const { pass, at } = places.at(-1)!;
      const content = readFileSync(fileOf(pass));
      const length = content.readUInt32LE(at + 4);
      content[at + (place % length)]! ^= change;
      writeFileSync(fileOf(pass), content);
      const before = all.length - 1;
      const first = places.findIndex((other) => other.pass >= pass - 1);
      expect(numbers(first)).toEqual(Array.from({ length: before - first }, (_, i) => first + i + 1));
      journal.remove();
      await journal.close();
    }),
    { numRuns: 200 },
  );
});

test.each([
  ['in the older file', 1],
  ['in the newer file', 0],
])('damage before what is whole, %s, is told', async (_, passesAgo) => {
  const journal = new Journal(path, false, LENGTH);
  const places = await write(journal, Array(13).fill(600));
  const pass = places.at(-1)!.pass - passesAgo;
  const own = places.filter((place) => place.pass === pass);
  expect(own.length).toBeGreaterThan(2);
  const content = readFileSync(fileOf(pass));
  content[own.at(-2)!.at + 100]! ^= 1;
  writeFileSync(fileOf(pass), content);
  const first = places.findIndex((other) => other.pass === places.at(-1)!.pass - 1);
  const { entries, newest } = readJournals(path, EPOCH, first);
  expect(entries.at(-1)!.number).toBe(places.indexOf(own.at(-2)!));
  expect(newest).toBe(places.length);
  journal.remove();
  await journal.close();
});

test('a journal of other data is none of this store’s', async () => {
  const journal = new Journal(path, false, LENGTH);
  await write(journal, [10, 10]);
  expect(numbers(0, 'another1')).toEqual([]);
  expect(numbers(0)).toEqual([1, 2]);
  journal.remove();
  await journal.close();
  expect(numbers(0)).toEqual([]);
});

test('a commit that was refused gives its number to the next one, in the other file too', async () => {
  const journal = new Journal(path, false, LENGTH);
  await journal.append(encodeEntry(changesOf(1, 10), metaOf(1)).entry);
  await journal.append(encodeEntry(changesOf(2, 10), metaOf(2)).entry);
  journal.turn();
  journal.release();
  await journal.append(encodeEntry(changesOf(2, 20), metaOf(2)).entry);
  const { entries } = readJournals(path, EPOCH, 0);
  expect(entries.map(({ number }) => number)).toEqual([1, 2]);
  expect(entries[1]!.puts[0]![1].length).toBe(20);
  journal.remove();
  await journal.close();
});
