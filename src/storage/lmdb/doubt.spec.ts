import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rename, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { changeMeta, hideOwner } from '../../../test/support/lmdb-meta.js';
import { formatPosition } from '../../notifier/position.js';
import { newestPosition, requestedSeq, startPoint } from '../../notifier/start-point.js';
import { HOUR_MS } from '../bounds.js';
import { LmdbEventLog } from '../lmdb-event-log.js';
import { FolderError } from './folder-error.js';
import type { LmdbFile } from './lmdb-file.js';
import type { Owner } from './meta.js';
import { openFile } from './open-file.js';
import type { Database } from './tree.js';

const BOUNDS = {
  bufferEvents: 10_000,
  bufferBytes: 10_000_000,
  bufferTtlMs: 60_000,
  totalBytes: 100_000_000,
  headTtlMs: 24 * HOUR_MS,
  idempotencyTtlMs: 60_000,
};

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'notifier-doubt-'));
});

afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

/** An owner in a file that nobody has open. */
async function leaveOwner(owner: Partial<Owner>): Promise<void> {
  const file = openFile({ dir, sync: 'full' });
  const own = file.meta.owner!;
  await file.close();
  await changeMeta(dir, (meta) => ({ ...meta, owner: { ...own, ...owner } }));
}

test('the last event before a doubt is not trusted later either, and what comes after it is', async () => {
  const event = { accessId: 'ann', createdAt: 1, text: '1' };
  const log = LmdbEventLog.open({ dir, sync: 'process', bounds: BOUNDS });
  await log.append({ events: [event, event] });
  await log.close();
  await leaveOwner({ sync: 'process', bootId: 'another' });
  // What may have been lost would have expired by then, as what is held has.
  const later = () => Date.now() + 1.5 * BOUNDS.bufferTtlMs;
  const openLater = () => LmdbEventLog.open({ dir, sync: 'process', bounds: BOUNDS, systemClock: later });
  let reopened = openLater();
  expect((await reopened.view('ann', 2)).head).toMatchObject({ seq: 2, trimmedSeq: 2 });
  expect((await reopened.view('ann', 2)).trusted).toBe(false);
  await reopened.append({ events: [event] });
  expect((await reopened.view('ann', 3)).trusted).toBe(true);
  await reopened.close();
  reopened = openLater();
  expect([(await reopened.view('ann', 2)).trusted, (await reopened.view('ann', 3)).trusted]).toEqual([
    false,
    true,
  ]);
  await reopened.close();
});

async function placeOf(log: LmdbEventLog): Promise<string> {
  return formatPosition(newestPosition(await log.view('ann', 0)));
}

async function isRecovered(log: LmdbEventLog, lastEventId: string): Promise<boolean> {
  const request = { lastEventId };
  return startPoint(await log.view('ann', requestedSeq(request)), request).recovered;
}

describe('after a power loss that cost an event', () => {
  const event = { accessId: 'ann', createdAt: 1, text: '1' };
  const later = () => Date.now() + 1.5 * BOUNDS.bufferTtlMs;
  let log: LmdbEventLog;

  /** @returns the place behind which Ann's next event was lost */
  async function lose(users: readonly string[], clock?: () => number): Promise<string> {
    log = LmdbEventLog.open({ dir, sync: 'process', bounds: BOUNDS });
    for (const accessId of users) await log.append({ events: [{ ...event, accessId }] });
    const place = await placeOf(log);
    await log.close();
    await leaveOwner({ sync: 'process', bootId: 'another' });
    log = LmdbEventLog.open({ dir, sync: 'process', bounds: BOUNDS, ...(clock && { systemClock: clock }) });
    return place;
  }

  afterEach(() => log.close());

  test('the last one that is there is not trusted because of a drop', async () => {
    const place = await lose(['ann', 'ann'], () => later() + HOUR_MS);
    expect(await isRecovered(log, place)).toBe(false);
    await log.drop('ann');
    expect(await isRecovered(log, place)).toBe(false);
  });

  test('the place before the first is not taken for that of an event that came later', async () => {
    const place = await lose(['bob', 'bob']);
    await log.append({ events: [event, event] });
    expect(await isRecovered(log, place)).toBe(false);
  });

  test('the place before the first is not trusted when the event would have expired, and a new one is at once', async () => {
    const place = await lose(['bob'], later);
    expect(await isRecovered(log, place)).toBe(false);
    const next = await placeOf(log);
    expect(await isRecovered(log, next)).toBe(true);
    await log.append({ events: [event] });
    expect(await isRecovered(log, place)).toBe(false);
    expect(await isRecovered(log, next)).toBe(true);
  });
});

function fileOf(log: LmdbEventLog): LmdbFile {
  return (log as unknown as { file: LmdbFile }).file;
}

describe('of a process that was killed', () => {
  const FILES = ['notifier.mdb', 'notifier.mdb-journal-1', 'notifier.mdb-journal-2'];
  const event = { accessId: 'ann', createdAt: 1, text: '1' };
  const openLog = () => LmdbEventLog.open({ dir, sync: 'full', bounds: BOUNDS });

  /** Leaves the folder as it is at such a moment, with an event in the first journal. @returns the place before the event */
  async function leaveKilled(...without: string[]): Promise<string> {
    await openLog().close();
    const log = openLog();
    const place = await placeOf(log);
    await log.append({ events: [event] });
    for (const file of FILES) await copyFile(join(dir, file), join(dir, `${file}.kept`));
    await log.close();
    for (const file of FILES) await rename(join(dir, `${file}.kept`), join(dir, file));
    await hideOwner(dir);
    for (const file of without) await rm(join(dir, file));
    return place;
  }

  test.each(FILES.slice(1))('%s is missed, and nobody is told that nothing was lost', async (journal) => {
    const place = await leaveKilled(journal);
    const log = openLog();
    expect(await isRecovered(log, place)).toBe(false);
    await log.append({ events: [event] });
    expect(await isRecovered(log, place)).toBe(false);
    expect(fileOf(log).found.missingJournals).toEqual([join(dir, journal)]);
    await log.close();
  });

  test('a journal is missed by the next start too where one failed before it had read the other', async () => {
    const [, first, second] = FILES.map((file) => join(dir, file));
    const place = await leaveKilled(FILES[2]!);
    await rename(first!, `${first}.kept`);
    await mkdir(first!);
    expect(openLog).toThrow(FolderError);
    await rmdir(first!);
    await rename(`${first}.kept`, first!);
    await hideOwner(dir);
    const log = openLog();
    expect(fileOf(log).found.missingJournals).toEqual([second]);
    expect(await isRecovered(log, place)).toBe(false);
    await log.close();
  });

  test('none is missed where it had taken them away itself, and had nothing left to do but to give the folder up', async () => {
    const log = openLog();
    const place = await placeOf(log);
    await log.append({ events: [event] });
    const { db } = fileOf(log) as unknown as { db: Database };
    const write = db.ifVersion.bind(db);
    jest.spyOn(db, 'ifVersion').mockImplementation((...all) => {
      if (!existsSync(join(dir, FILES[1]!))) throw new Error('killed');
      return write(...all);
    });
    await log.close();
    await hideOwner(dir);
    const next = openLog();
    expect(fileOf(next).found.missingJournals).toEqual([]);
    expect(await isRecovered(next, place)).toBe(true);
    await next.close();
  });

  test('all that is there is read, and each next start finds all that should be', async () => {
    const place = await leaveKilled();
    for (let i = 0; i < 3; i++) {
      const log = openLog();
      expect(await isRecovered(log, place)).toBe(true);
      await log.close();
    }
  });
});
