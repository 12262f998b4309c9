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
    chunks: [],
    puts: new Map([[key.toString('latin1'), [key, Buffer.alloc(size, commit)]]]),
    removes: new Map([[gone.toString('latin1'), gone]]),
  };
}

/** @returns the length of the commit's entry */
async function append(journal: Journal, number: number, size: number): Promise<number> {
  const { entry } = encodeEntry(changesOf(number, size), metaOf(number), (bytes) => journal.memory(bytes));
  await journal.append(entry);
  return entry.length;
}

/** Commits of these sizes, the first of them numbered 1; each carries the journal over once it is long. @returns where each entry stands */
async function write(journal: Journal, sizes: readonly number[]): Promise<{ pass: number; at: number }[]> {
  const places: { pass: number; at: number }[] = [];
  let [pass, at] = [0, 0];
  for (const [i, size] of sizes.entries()) {
    places.push({ pass, at });
    at += await append(journal, i + 1, size);
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
  await append(journal, 1, 10);
  await append(journal, 2, 10);
  journal.turn();
  journal.release();
  await append(journal, 2, 20);
  const { entries } = readJournals(path, EPOCH, 0);
  expect(entries.map(({ number }) => number)).toEqual([1, 2]);
  expect(entries[1]!.puts[0]![1].length).toBe(20);
  journal.remove();
  await journal.close();
});

test('the memory of an entry stays as it is until its file is released, and is used again then', async () => {
  const journal = new Journal(path, false, LENGTH);
  const entries: { entry: Buffer; copy: Buffer }[] = [];
  for (const [i, size] of [10, 1_500_000, 1_500_000, 1_500_000, 5_000_000, 20, 30].entries()) {
    const { entry } = encodeEntry(changesOf(i + 1, size), metaOf(i + 1), (bytes) => journal.memory(bytes));
    await journal.append(entry);
    entries.push({ entry, copy: Buffer.from(entry) });
    if (i === 5) journal.turn();
  }
  for (const { entry, copy } of entries) expect(entry.equals(copy)).toBe(true);
  journal.release();
  journal.turn();
  const [first, , , , long, , newest] = entries;
  expect(journal.memory(4_000_000).buffer).not.toBe(newest!.entry.buffer);
  const reused = [journal.memory(100), journal.memory(100)];
  expect(reused[0]!.byteOffset).toBe(reused[1]!.byteOffset);
  expect(entries.slice(0, 4).map(({ entry }) => entry.buffer)).toContain(reused[0]!.buffer);
  expect(long!.entry.buffer).not.toBe(first!.entry.buffer);
  expect(newest!.entry.equals(newest!.copy)).toBe(true);
  journal.remove();
  await journal.close();
});
