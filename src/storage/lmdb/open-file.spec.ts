import {
  copyFile,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { open as openLmdb } from 'lmdb';
import { StoreUnavailableError } from '../../notifier/event-log.js';
import { changeMeta, hideOwner } from '../../../test/support/lmdb-meta.js';
import { LmdbEventLog } from '../lmdb-event-log.js';
import { FolderError } from './folder-error.js';
import { metaKey } from './keys.js';
import { decodeMeta, EMPTY, encodeMeta, type Meta, type Owner } from './meta.js';
import { usedBytes } from './meta-pages.js';
import { openFile } from './open-file.js';
import type { Database } from './tree.js';

const BOUNDS = {
  bufferEvents: 10_000,
  bufferBytes: 10_000_000,
  bufferTtlMs: 60_000,
  totalBytes: 100_000_000,
  headTtlMs: 60_000,
  idempotencyTtlMs: 60_000,
};

const PAGE = 4096;

let dir: string;
let path: string;
let journal: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'notifier-open-'));
  path = join(dir, 'notifier.mdb');
  journal = `${path}-journal-1`;
});

afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

function openLog(sync: Owner['sync'] = 'full'): LmdbEventLog {
  return LmdbEventLog.open({ dir, sync, bounds: BOUNDS });
}

/** The file past everything that this program makes of it. */
function openRaw() {
  return openLmdb<Buffer, Buffer>({
    path,
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
  });
}

/** A file of a few hundred pages. */
async function fill(): Promise<void> {
  const log = openLog();
  const text = `{"payload":"${'x'.repeat(2000)}"}`;
  for (let user = 0; user < 20; user++) {
    const event = { accessId: `user${user}`, createdAt: 1, text };
    await log.append({ events: Array.from({ length: 20 }, () => event) });
  }
  await log.close();
}

const DAMAGES: readonly [string, (content: Buffer) => Buffer][] = [
  ['garbage', (content) => Buffer.alloc(content.length, 0x41)],
  ['a few bytes of something else', () => Buffer.from('hello')],
  ['a file of which half is missing', (content) => content.subarray(0, 100 * PAGE)],
  ['a file of which all but one page is missing', (content) => content.subarray(0, PAGE)],
  // LMDB takes it for a tree without records. Of other garbage it dies, and of some only where nothing is mapped behind the file.
  ['a file whose records are garbage', (content) => Buffer.from(content).fill(0x22, 2 * PAGE)],
  ['a file whose records are zeros', (content) => Buffer.from(content).fill(0, 2 * PAGE)],
];

test.each(DAMAGES)('%s is refused in one line, and left as it is', async (_, damage) => {
  await fill();
  const damaged = damage(await readFile(path));
  await writeFile(path, damaged);
  expect(() => openLog('full')).toThrow(FolderError);
  expect(() => openLog('full')).toThrow(
    /^[^\n]*notifier\.mdb cannot be read \([^\n]*\): move it away[^\n]*$/,
  );
  expect((await readFile(path)).equals(damaged)).toBe(true);
});

test.each(DAMAGES)('%s is set aside where nothing waited for the disk', async (_, damage) => {
  await fill();
  const damaged = damage(await readFile(path));
  await writeFile(path, damaged);
  const file = openFile({ dir, sync: 'process' });
  expect(file.found.setAside).toContain('notifier.mdb.unreadable-');
  expect(file.meta).toMatchObject({ serial: 0, bytes: 0 });
  await file.close();
  expect((await readFile(file.found.setAside!)).equals(damaged)).toBe(true);
});

test('a whole file whose end was never written opens', async () => {
  await fill();
  const db = openRaw();
  // What is freed again at the end of the file leaves pages there that nobody reads.
  await db.put(Buffer.of(99), Buffer.alloc(10_000 * PAGE));
  await db.remove(Buffer.of(99));
  await db.close();
  await truncate(path, 10_000 * PAGE);
  const log = openLog();
  expect((await log.extent('user19')).events).toBe(20);
  await log.close();
});

test('an empty file is a new store: a process was killed when it had just begun one', async () => {
  await writeFile(path, '');
  const log = openLog();
  expect(log.bytes).toBe(0);
  await log.close();
});

test('a file that has room does not grow with each start', async () => {
  await fill();
  const { size } = await stat(path);
  for (let i = 0; i < 3; i++) await openLog().close();
  const log = openLog();
  for (let i = 0; i < 3; i++) expect(() => openLog()).toThrow('is in use');
  await log.close();
  expect((await stat(path)).size).toBe(size);
});

const onPosix = process.platform === 'win32' ? test.skip : test;

onPosix('nobody else on the machine may read what is stored', async () => {
  const log = openLog();
  const names = await readdir(dir);
  const modes = await Promise.all(names.map(async (name) => (await stat(join(dir, name))).mode & 0o777));
  await log.close();
  expect(modes).toEqual([0o600, 0o600, 0o600, 0o600]);
});

test('a start that is refused writes nothing into the file, whatever the end of that is', async () => {
  await fill();
  const log = openLog();
  const content = await open(path, 'r');
  const used = usedBytes(content.fd)!;
  await content.close();
  await truncate(path, used);
  expect(() => openLog()).toThrow('is in use');
  expect((await stat(path)).size).toBe(used);
  await log.close();
});

test('what cannot be opened for another reason is never set aside', async () => {
  await writeFile(join(dir, 'file'), '');
  expect(() => openFile({ dir: join(dir, 'file'), sync: 'process' })).toThrow(FolderError);
  expect(await readdir(dir)).toEqual(['file']);
});

test('a folder is one process’s; once it is closed, the next one has it', async () => {
  const log = openLog();
  const inUse = `is in use by process ${process.pid}`;
  expect(() => openLog()).toThrow(inUse);
  expect(() => openLog('process')).toThrow(inUse);
  await log.close();
  await openLog().close();
});

test('a process whose folder was taken over writes nothing more into it', async () => {
  const log = openLog();
  const event = { accessId: 'a', createdAt: 1, text: '{}' };
  await log.append({ events: [event] });
  await hideOwner(dir);
  const next = openLog();
  await expect(log.append({ events: [event] })).rejects.toBeInstanceOf(StoreUnavailableError);
  expect(log.isReady()).toBe(false);
  await log.close();
  expect((await next.extent('a')).events).toBe(1);
  await next.append({ events: [event] });
  await next.close();
  await expect(log.append({ events: [event] })).rejects.toBeInstanceOf(StoreUnavailableError);
  const again = openLog();
  expect((await again.extent('a')).events).toBe(2);
  await again.close();
});

test('a process whose folder is taken over while it writes the tree changes nothing there', async () => {
  const file = openFile({ dir, sync: 'process' });
  const { db } = file as unknown as { db: Database };
  const write = db.ifVersion.bind(db);
  let next: LmdbEventLog | undefined;
  await hideOwner(dir);
  jest.spyOn(db, 'ifVersion').mockImplementationOnce((...all) => {
    next = openLog();
    return write(...all);
  });
  await file.close();
  await next!.append({ events: [{ accessId: 'a', createdAt: 1, text: '{}' }] });
  await next!.close();
});

test('a machine that went down under a process that did not wait for the disk leaves the file in doubt', async () => {
  await fill();
  await leaveOwner({ sync: 'process', bootId: 'another' });
  const file = openFile({ dir, sync: 'full' });
  expect(file.meta.doubtedAt).toBeGreaterThan(0);
  await file.close();
});

test('that doubt is not lost with a process that took the file over and ended before it had read the journals', async () => {
  await fill();
  await leaveOwner({ startedAt: 'another' }, { sync: 'process', bootId: 'another' });
  const file = openFile({ dir, sync: 'full' });
  expect(file.meta.doubtedAt).toBeGreaterThan(0);
  expect(file.meta.predecessor).toBeUndefined();
  await file.close();
});

test.each([
  { sync: 'full', bootId: 'another' },
  { sync: 'process', startedAt: 'another' },
] as const)('a process that ended as %j leaves no doubt', async (owner) => {
  await fill();
  await leaveOwner(owner);
  const file = openFile({ dir, sync: 'full' });
  expect(file.meta.doubtedAt).toBe(0);
  await file.close();
});

/** A log with five events, each a commit of its own, whose process was killed; the third of them is damaged in the journal. */
async function leaveDamagedJournal(owner: Partial<Owner>): Promise<Buffer> {
  const log = openLog();
  const contents: Buffer[] = [];
  for (let i = 1; i <= 5; i++) {
    await log.append({ events: [{ accessId: 'a', createdAt: i, text: `{"payload":"${i}"}` }] });
    contents.push(await readFile(journal));
  }
  await log.close();
  const thirdAt = contents[2]!.findIndex((byte, at) => byte !== contents[1]![at]);
  const content = contents[4]!;
  content[thirdAt + 50]! ^= 1;
  await writeFile(journal, content);
  await leaveTree(owner);
  return content;
}

/** As a process leaves it that was killed before it had carried anything over. */
async function leaveTree(owner: Partial<Owner>): Promise<void> {
  const db = openRaw();
  const { epoch } = decodeMeta(db.get(metaKey)!);
  await db.clearAsync();
  const own = {
    pid: process.pid,
    startedAt: 'another',
    bootId: 'another',
    mark: 'another',
    sync: 'full' as const,
  };
  await db.put(metaKey, encodeMeta({ ...EMPTY, epoch, owner: { ...own, ...owner } }));
  await db.close();
}

test('damage in the middle of a journal stops a server that promised to keep it', async () => {
  await leaveDamagedJournal({});
  expect(() => openLog()).toThrow(
    /notifier\.mdb cannot be read \(a part of its journal is missing or damaged\)/,
  );
});

test('what a power loss left behind a gap in the journal is gone for good, and the rest is kept', async () => {
  const content = await leaveDamagedJournal({ sync: 'process' });
  const file = openFile({ dir, sync: 'process' });
  expect(file.found.setAside).toBeUndefined();
  expect(file).toMatchObject({ found: { foreignJournals: [] }, meta: { serial: 2, commit: 5 } });
  expect(file.meta.doubtedAt).toBeGreaterThan(0);
  await file.close();
  // As if that process had been killed before it had new journals.
  await writeFile(journal, content);
  await leaveOwner({ startedAt: 'another', sync: 'process' });
  const next = openFile({ dir, sync: 'process' });
  expect(next.found.setAside).toBeUndefined();
  expect(next.meta.serial).toBe(2);
  await next.close();
});

test('the journals of a file that was moved away are kept, and are read when it is back', async () => {
  await openLog().close();
  const log = openLog();
  await log.append({ events: [{ accessId: 'a', createdAt: 1, text: '{}' }] });
  // As a process leaves its files that is killed now.
  for (const file of [path, journal]) await copyFile(file, `${file}.kept`);
  await log.close();
  await rename(`${path}.kept`, `${path}.moved`);
  await rename(`${journal}.kept`, journal);
  await rm(path);
  const empty = openFile({ dir, sync: 'full' });
  const [aside, ...others] = empty.found.foreignJournals;
  expect([aside, others]).toEqual([expect.stringContaining('notifier.mdb-journal-1.foreign-'), []]);
  await empty.close();
  await rename(`${path}.moved`, path);
  await rename(aside!, journal);
  await hideOwner(dir);
  const back = openLog();
  expect((await back.extent('a')).events).toBe(1);
  await back.close();
});

test('a folder from before there was a journal is carried on', async () => {
  await fill();
  const db = openRaw();
  const { commit: _, ...meta } = decodeMeta(db.get(metaKey)!);
  await db.put(metaKey, encodeMeta(meta as Meta));
  await db.close();
  const log = openLog();
  await log.append({ events: [{ accessId: 'a', createdAt: 1, text: '{}' }] });
  const content = await readFile(journal);
  await log.close();
  await writeFile(journal, content);
  await openLog().close();
  const again = openLog();
  expect((await again.extent('a')).events).toBe(1);
  expect((await again.extent('user19')).events).toBe(20);
  await again.close();
});

/** An owner in a file that nobody has open, and whose journals it has not read. */
async function leaveOwner(owner: Partial<Owner>, predecessor?: Partial<Owner>): Promise<void> {
  const file = openFile({ dir, sync: 'full' });
  const own = file.meta.owner!;
  await file.close();
  const before = predecessor && { predecessor: { ...own, ...predecessor } };
  await changeMeta(dir, (meta) => ({ ...meta, owner: { ...own, ...owner }, ...before }));
}
