import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { expect, jest, test } from '@jest/globals';
import { describeEventLog } from '../../test/event-log.contract.js';
import { DEFAULT_BOUNDS, type EventLogHarness, type OpenEventLog } from '../../test/event-log/harness.js';
import { eventually } from '../../test/support/wait.js';
import type { Journal } from './lmdb/journal.js';
import type { LmdbFile } from './lmdb/lmdb-file.js';
import type { Database } from './lmdb/tree.js';
import { LmdbEventLog, type LmdbOptions } from './lmdb-event-log.js';

describeEventLog('LmdbEventLog', inFolder('full'), { histories: 60 });
describeEventLog('LmdbEventLog that does not wait for the disk', inFolder('process'), { histories: 60 });
// Of a few commits: nearly always, one part of what is read stands in the tree and two are on their way there.
describeEventLog('LmdbEventLog with a short journal', inFolder('process', 2000), { histories: 60 });

test('a journal that cannot be carried over takes more pushes, and is tried again by and by', async () => {
  // Far longer than all that is pushed while this waits: one that got much too long would have to be carried over before the next push.
  const journalBytes = 1024 * 1024;
  const dir = await mkdtemp(join(tmpdir(), 'notifier-lmdb-'));
  const options = { dir, sync: 'process', bounds: DEFAULT_BOUNDS, journalBytes } as const;
  let log = LmdbEventLog.open(options);
  const { file } = log as unknown as { file: LmdbFile };
  const { db } = file as unknown as { db: Database };
  const writes = jest.spyOn(db, 'ifVersion').mockRejectedValueOnce(new Error('EIO'));
  const told = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
  let pushed = 0;
  const push = async (size: number) => {
    const text = `{"payload":"${'x'.repeat(size)}"}`;
    await log.append({ events: [{ accessId: 'ann', createdAt: ++pushed, text }] });
  };
  await push(journalBytes);
  await eventually(() => writes.mock.calls.length > 0, 'the carry-over to begin');
  await eventually(async () => {
    await push(1);
    return !file.isUnsettled;
  }, 'the carry-over to be tried again');
  expect(told.mock.calls).toEqual([['the journal cannot be carried over: Error: EIO']]);
  told.mockRestore();
  expect((await log.extent('ann')).events).toBe(pushed);
  await log.close();
  log = LmdbEventLog.open(options);
  expect((await log.extent('ann')).events).toBe(pushed);
  await log.close();
  await rm(dir, { recursive: true, force: true });
});

test('a log that is forgotten while what it let go of is on its way to the tree is not there again after that', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'notifier-lmdb-'));
  const bounds = { ...DEFAULT_BOUNDS, bufferEvents: 5, totalBytes: 20_000 };
  const log = LmdbEventLog.open({ dir, sync: 'process', bounds });
  const { file } = log as unknown as { file: LmdbFile };
  const { journal } = file as unknown as { journal: Journal };
  const push = (size: number, ...users: string[]) =>
    log.append({ events: users.map((accessId) => ({ accessId, createdAt: 1, text: 'x'.repeat(size) })) });
  const headOfAnn = async () => (await log.view('ann', 0)).head;
  for (let i = 0; i < 5; i++) await push(20, 'ann');
  await push(3000, 'bob');
  // From now on, Ann's first five events stand in the tree, together.
  await file.settle();
  await push(20, 'ann');
  const flush = journal.flushRetired.bind(journal);
  jest.spyOn(journal, 'flushRetired').mockImplementationOnce(async () => {
    await push(9750, 'carl', 'carol');
    expect(await headOfAnn()).toMatchObject({ seq: 6, trimmedSeq: 6 });
    await push(9750, 'dan', 'dora');
    expect(await headOfAnn()).toBeUndefined();
    await flush();
  });
  await file.settle();
  expect(await headOfAnn()).toBeUndefined();
  await push(20, 'ann');
  expect(await headOfAnn()).toMatchObject({ seq: 1, trimmedSeq: 0 });
  await log.close();
  await rm(dir, { recursive: true, force: true });
});

function inFolder(sync: LmdbOptions['sync'], journalBytes?: number): OpenEventLog {
  return async (overrides, systemClock): Promise<EventLogHarness> => {
    const dir = await mkdtemp(join(tmpdir(), 'notifier-lmdb-'));
    const bounds = { ...DEFAULT_BOUNDS, ...overrides };
    const open = () =>
      LmdbEventLog.open({
        dir,
        sync,
        bounds,
        ...(systemClock && { systemClock }),
        ...(journalBytes && { journalBytes }),
      });
    let log = open();
    return {
      log,
      reopen: async () => {
        await log.close();
        return (log = open());
      },
      close: async () => {
        await log.close();
        await rm(dir, { recursive: true, force: true });
      },
    };
  };
}
