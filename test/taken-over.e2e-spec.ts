import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { LmdbEventLog } from '../src/storage/lmdb-event-log.js';
import { BUILD_MS } from './support/build.js';
import { BOUNDS, startWriter, USERS } from './support/writer-process.js';
import { hideOwner } from './support/lmdb-meta.js';

/** A journal of so many takes the next owner a while to read. */
const LINES = 10_000;

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'notifier-taken-'));
});

afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

async function linesOf(log: LmdbEventLog): Promise<string[]> {
  const lines: string[] = [];
  for (const user of USERS) {
    const { head } = await log.view(user, 0);
    let position = { epoch: head!.epoch, seq: 0, tag: 0 };
    for (let reachedHead = false; !reachedHead;) {
      const page = await log.read(user, position, 1e6, undefined);
      for (const { text } of page!.events) lines.push(`${user} ${text.split(' ', 2).join(' ')}`);
      [position, reachedHead] = [page!.end, page!.reachedHead];
    }
  }
  return lines;
}

test.each(['full', 'process'])(
  'a process whose folder is taken over while it commits (sync %s) answers nothing that the next owner has not read',
  async (sync) => {
    const journalBytes = 16 * 1024 * 1024;
    const writer = await startWriter({ dir, sync, journalBytes }, 1, 'ignore');
    let told = '';
    let log: LmdbEventLog | undefined;
    for await (const chunk of writer.stdout) {
      told += String(chunk);
      if (log || told.split('\n').length < LINES) continue;
      await hideOwner(dir);
      log = LmdbEventLog.open({ dir, sync: 'full', bounds: BOUNDS });
    }
    const stored = new Set(await linesOf(log!));
    await log!.close();
    const missing = told.split('\n').filter((line) => line !== '' && !stored.has(line));
    expect(missing).toEqual([]);
  },
  BUILD_MS,
);
