import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { open } from 'lmdb';
import { LmdbEventLog } from '../src/storage/lmdb-event-log.js';
import { metaKey } from '../src/storage/lmdb/keys.js';
import { decodeMeta, encodeMeta } from '../src/storage/lmdb/meta.js';
import { BUILD_MS, builtEntry } from './support/build.js';
import { remember } from './support/children.js';

const WRITER = join(process.cwd(), 'test/support/journal-writer.mjs');
const USERS = Array.from({ length: 30 }, (_, i) => `user${i}`);
/** A journal of so many takes the next owner a while to read. */
const LINES = 10_000;

const BOUNDS = {
  bufferEvents: 1_000_000,
  bufferBytes: 1e9,
  bufferTtlMs: 1e9,
  totalBytes: 1e10,
  headTtlMs: 1e9,
  idempotencyTtlMs: 1e9,
};

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'notifier-taken-'));
});

afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

/** Lets the owner look gone, as one does that runs in another container. */
async function hideOwner(): Promise<void> {
  const db = open<Buffer, Buffer>({
    path: join(dir, 'notifier.mdb'),
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
  });
  const meta = decodeMeta(db.get(metaKey)!);
  await db.put(metaKey, encodeMeta({ ...meta, owner: { ...meta.owner!, startedAt: 'another' } }));
  await db.close();
}

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
    const module = join(dirname(await builtEntry()), 'storage/lmdb-event-log.js');
    const options = JSON.stringify({ dir, sync, bounds: BOUNDS, journalBytes: 16 * 1024 * 1024 });
    const writer = spawn(process.execPath, [WRITER, module, options, '1'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    remember(writer);
    let told = '';
    let log: LmdbEventLog | undefined;
    for await (const chunk of writer.stdout) {
      told += String(chunk);
      if (log || told.split('\n').length < LINES) continue;
      await hideOwner();
      log = LmdbEventLog.open({ dir, sync: 'full', bounds: BOUNDS });
    }
    const stored = new Set(await linesOf(log!));
    await log!.close();
    const missing = told.split('\n').filter((line) => line !== '' && !stored.has(line));
    expect(missing).toEqual([]);
  },
  BUILD_MS,
);
