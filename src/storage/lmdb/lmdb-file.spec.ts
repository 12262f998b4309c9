import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { ANY_HEAD, chunk } from '../../../test/support/chunks.js';
import type { NewChunk } from './chunk.js';
import type { Changes } from './journal-entry.js';
import { JournalFullError, JOURNALS, type Journal } from './journal.js';
import { chunkKeyBytes, hourKey, metaKey, readHourKey } from './keys.js';
import type { LmdbFile } from './lmdb-file.js';
import { decodeMeta } from './meta.js';
import { openFile } from './open-file.js';
import type { Database } from './tree.js';

const USER = 'ann';

let dir: string;
let file: LmdbFile;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'notifier-file-'));
  file = openFile({ dir, sync: 'process' });
});

afterEach(async () => {
  await file.close();
  await rm(dir, { recursive: true, force: true });
});

async function commit(changes: Partial<Changes>, to = file): Promise<void> {
  const { meta } = to;
  const all = { chunks: [], puts: new Map(), removes: new Map(), ...changes };
  to.apply(await to.write(all, { ...meta, commit: meta.commit + 1 }));
}

function chunks(written: readonly NewChunk[], removed: readonly number[] = []): Partial<Changes> {
  return { chunks: [{ accessId: USER, keyBytes: chunkKeyBytes(USER), head: ANY_HEAD, written, removed }] };
}

/** As long as it takes a carry-over that gives way for a moment: one that began before it has ended by then. */
async function aMoment(): Promise<void> {
  await commit(chunks([chunk(1, 1, 'x')]));
  await file.settle();
}

/** What the file is made of, to look at it in between and to let it fail. */
function partsOf(file: LmdbFile): { db: Database; journal: Journal } {
  return file as unknown as { db: Database; journal: Journal };
}

test('what was removed while it is on its way to the tree is gone, for whoever looks for an event too', async () => {
  await commit(chunks([chunk(1, 1, 'old'), chunk(2, 3, 'old')]));
  const settled = file.settle();
  await commit(chunks([chunk(1, 5, 'new')], [1, 2]));
  expect(file.isUnsettled).toBe(true);
  for (let seq = 1; seq <= 5; seq++) expect(file.chunkAt(USER, seq)?.firstSeq).toBe(1);
  expect([...file.chunks(USER, 0)].map(({ firstSeq }) => firstSeq)).toEqual([1]);
  await settled;
  await file.settle();
  for (let seq = 1; seq <= 5; seq++) expect(file.chunkAt(USER, seq)?.record.includes('new')).toBe(true);
});

test('a commit that found no room in the journal stays as it is when others follow', async () => {
  const { journal } = partsOf(file);
  await commit(chunks([chunk(1, 1, 'first')]));
  jest.spyOn(journal, 'append').mockRejectedValueOnce(new JournalFullError('no space left on device'));
  await commit(chunks([chunk(2, 1, 'second')]));
  await commit(chunks([chunk(3, 99, 'third')]));
  const texts = ['first', 'second', 'third'];
  const isThere = (text: string, i: number) => file.chunkAt(USER, i + 1)?.record.includes(text);
  expect(texts.map(isThere)).toEqual([true, true, true]);
  await file.settle();
  expect(texts.map(isThere)).toEqual([true, true, true]);
});

describe('a carry-over that gives way for long', () => {
  const JOURNAL_BYTES = 10_000;
  /** Of one chunk that is a step by itself. */
  const STEP_BYTES = 65_536;
  const slow = ({ journalBytes = JOURNAL_BYTES, pauseMs = 3_600_000 } = {}) =>
    openFile({ dir: join(dir, 'slow'), sync: 'process', journalBytes, pauseMs });
  const small = (seq: number) => chunks([chunk(seq, 1, `small ${seq}`)]);
  const isThere = (file: LmdbFile, seq: number) => file.chunkAt(USER, seq)?.record.includes(`small ${seq}`);

  test('lets commits go on, is read through, and ends with the file', async () => {
    const paused = slow();
    await commit(small(1), paused);
    const settled = paused.settle();
    await commit(small(2), paused);
    await aMoment();
    expect(paused.isUnsettled).toBe(true);
    expect(isThere(paused, 1)).toBe(true);
    await paused.close();
    await settled;
    const again = slow();
    expect(isThere(again, 1)).toBe(true);
    expect(isThere(again, 2)).toBe(true);
    await again.close();
  });

  test('keeps pace with the journal that fills meanwhile', async () => {
    const STEPS = 40;
    const large = (seq: number, bytes: number) => chunks([chunk(seq, 1, 'x'.repeat(bytes))]);
    const paused = slow({ journalBytes: STEPS * STEP_BYTES });
    const { db, journal } = partsOf(paused);
    for (let seq = 1; seq <= STEPS; seq++) await commit(large(seq, STEP_BYTES), paused);
    const flush = journal.flushRetired.bind(journal);
    const half = async () => {
      await commit(large(STEPS + 1, (STEPS / 2) * STEP_BYTES), paused);
      await flush();
    };
    jest.spyOn(journal, 'flushRetired').mockImplementationOnce(half);
    const transact = db.ifVersion.bind(db);
    const writes = jest.spyOn(db, 'ifVersion');
    const isTransacted = new Promise<void>((resolve) => {
      writes.mockImplementation(async (...action) => {
        const result = await transact(...action);
        resolve();
        return result;
      });
    });
    const settled = paused.settle();
    await isTransacted;
    await aMoment();
    expect(writes).toHaveBeenCalledTimes(1);
    await paused.close();
    await settled;
    const again = slow();
    for (let seq = 1; seq <= STEPS + 1; seq++) expect(again.chunkAt(USER, seq)?.firstSeq).toBe(seq);
    await again.close();
  });

  test('does not give way again where nobody commits anything', async () => {
    const STEPS = 100;
    const paused = slow({ journalBytes: STEPS * STEP_BYTES, pauseMs: 1000 });
    const written = Array.from({ length: STEPS }, (_, i) => chunk(i + 1, 1, 'x'.repeat(STEP_BYTES)));
    await commit(chunks(written), paused);
    await paused.settle();
    expect(paused.isUnsettled).toBe(false);
    await paused.close();
  });

  test('gives way no more where the journal gets far too long, but the next one does again', async () => {
    const paused = slow();
    await commit(small(1), paused);
    const settled = paused.settle();
    await commit(chunks([chunk(2, 1, 'x'.repeat(4 * JOURNAL_BYTES))]), paused);
    await commit(small(3), paused);
    await settled;
    for (const seq of [1, 3]) expect(isThere(paused, seq)).toBe(true);
    const next = paused.settle();
    await commit(small(4), paused);
    await aMoment();
    expect(paused.isUnsettled).toBe(true);
    await paused.close();
    await next;
  });
});

describe('a carry-over', () => {
  const TEXTS = ['first', 'second', 'third'];
  const isThere = (text: string, i: number) => file.chunkAt(USER, i + 1)?.record.includes(text);
  const put = (i: number) => commit(chunks([chunk(i + 1, 1, TEXTS[i]!)]));

  test('begins once the disk has what it carries, where commits did not wait for that', async () => {
    const flushed = openFile({ dir: join(dir, 'flushed'), sync: 'process' });
    const { db, journal } = partsOf(flushed);
    await commit(chunks([chunk(1, 1, 'x')]), flushed);
    const flush = journal.flushRetired.bind(journal);
    const transactions: number[] = [];
    const writes = jest.spyOn(db, 'ifVersion');
    jest.spyOn(journal, 'flushRetired').mockImplementationOnce(async () => {
      await aMoment();
      await flush();
      transactions.push(writes.mock.calls.length);
    });
    await flushed.settle();
    expect(transactions).toEqual([0]);
    expect(writes.mock.calls.length).toBeGreaterThan(0);
    await flushed.close();
  });

  test.each(['the first transaction', 'the last transaction'])(
    'of which %s failed is read through and gone on with, and nothing is lost',
    async (which) => {
      const { db } = partsOf(file);
      await put(0);
      const writes = jest.spyOn(db, 'ifVersion');
      if (which === 'the last transaction') writes.mockImplementationOnce(db.ifVersion.bind(db));
      writes.mockRejectedValueOnce(new Error('EIO'));
      await expect(file.settle()).rejects.toThrow('EIO');
      expect(file.isUnsettled).toBe(true);
      await put(1);
      expect(TEXTS.map(isThere)).toEqual([true, true, false]);
      await file.settle();
      expect(file.isUnsettled).toBe(false);
      await put(2);
      await file.close();
      file = openFile({ dir, sync: 'process' });
      expect(TEXTS.map(isThere)).toEqual([true, true, true]);
    },
  );
});

test('a file that is closed keeps its owner until the journals are gone, and those until the tree has all of it', async () => {
  const { db } = partsOf(file);
  const { commit: before } = file.meta;
  await commit(chunks([chunk(1, 1, 'x')]));
  const steps: unknown[] = [];
  const transact = db.ifVersion.bind(db);
  jest.spyOn(db, 'ifVersion').mockImplementation(async (...action) => {
    const result = await transact(...action);
    db.resetReadTxn();
    const { owner, commit } = decodeMeta(db.get(metaKey)!);
    const journals = JOURNALS.filter((end) => existsSync(join(dir, `notifier.mdb${end}`)));
    steps.push({ journals: journals.length, isOwned: owner !== null, commits: commit - before });
    return result;
  });
  await file.close();
  expect(steps).toEqual([
    { journals: 2, isOwned: true, commits: 0 },
    { journals: 2, isOwned: true, commits: 1 },
    // The mark says that nobody need look for the journals any more.
    { journals: 2, isOwned: true, commits: 1 },
    { journals: 0, isOwned: false, commits: 1 },
  ]);
  file = openFile({ dir, sync: 'process' });
});

function key(hour: number, user: string): Buffer {
  return hourKey(true, hour, user);
}

test('the oldest are found first, also those that came after others were looked for', async () => {
  const change = (put: readonly Buffer[], removed: readonly Buffer[]) =>
    commit({
      puts: new Map(put.map((key) => [key.toString('latin1'), [key, Buffer.alloc(0)]])),
      removes: new Map(removed.map((key) => [key.toString('latin1'), key])),
    });
  const found = (limit?: number) =>
    [...file.keysBefore(key(100, ''), limit)].map((found) => readHourKey(found).accessId);
  expect(found()).toEqual([]);
  await change([key(5, 'c'), key(7, 'd')], []);
  expect(found()).toEqual(['c', 'd']);
  await change([], [key(5, 'c')]);
  expect(found(1)).toEqual(['d']);
  await file.settle();
  await change([key(6, 'e'), key(100, 'late')], []);
  expect(found()).toEqual(['e', 'd']);
  await change([key(1, 'first')], [key(6, 'e'), key(7, 'd')]);
  expect(found()).toEqual(['first']);
  expect([...file.keysBefore(key(1, ''))]).toEqual([]);
  await change([key(0, 'b')], [key(1, 'first')]);
  expect(found()).toEqual(['b']);
});
