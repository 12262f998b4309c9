import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { uptime } from 'node:os';

/** `MDB_page` and `MDB_meta` of LMDB's mdb.c on 64-bit machines: where the first two pages say what the file is. */
const META_BYTES = 160;
const FLAGS_AT = 18;
const IS_META = 0x08;
const MAGIC_AT = 24;
const MAGIC = 0xbeefc0de;
const PAGE_SIZE_AT = 48;
const LAST_PAGE_AT = 144;
const TXN_AT = 152;

/** A walk through 1 GiB takes 2 s where it is in memory. */
const WALK_MS = 120_000;

/** Reads every page that is in use: those of the records, and those of the list of free ones. */
const WALK = `
  const { open } = require(process.argv[1]);
  const db = open({ path: process.argv[2], readOnly: true, encoding: 'binary', keyEncoding: 'binary' });
  for (const _ of db.getRange({}));
  db.getStats();
`;

/**
 * Why LMDB must not open the file; `undefined` where it may, or there is none. LMDB maps the file into memory and believes what stands in
 * it: garbage or a missing end would not be an error but the end of the process (SIGSEGV, SIGBUS).
 *
 * @param isDoubtful whether writes that nobody waited for may have been lost
 */
export function faultOf(path: string, isDoubtful: boolean): string | undefined {
  const { size } = statSync(path, { throwIfNoEntry: false }) ?? { size: 0 };
  if (size === 0) return undefined;
  const used = usedBytes(path);
  if (used === undefined) return 'it is not a file of this store';
  // The end of a whole file may be missing too: pages that were free again before they were written.
  if (size >= used && !isDoubtful) return undefined;
  return isWalkable(path) ? undefined : 'a part of it is missing or damaged';
}

/** Whether the machine was started after the file was last written. */
export function isFromBeforeBoot(path: string): boolean {
  const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: Infinity };
  return mtimeMs < Date.now() - uptime() * 1000;
}

/** How long the file is by its newer meta page; `undefined` where there are no two meta pages. */
function usedBytes(path: string): number | undefined {
  const first = readMeta(path, 0);
  const pageSize = first?.readUInt32LE(PAGE_SIZE_AT);
  const second = pageSize && readMeta(path, pageSize);
  if (!first || !second) return undefined;
  const newer = first.readBigUInt64LE(TXN_AT) > second.readBigUInt64LE(TXN_AT) ? first : second;
  return (Number(newer.readBigUInt64LE(LAST_PAGE_AT)) + 1) * pageSize;
}

function readMeta(path: string, at: number): Buffer | undefined {
  const page = Buffer.alloc(META_BYTES);
  const file = openSync(path, 'r');
  try {
    readSync(file, page, 0, META_BYTES, at);
  } finally {
    closeSync(file);
  }
  const isMeta = (page.readUInt16LE(FLAGS_AT) & IS_META) !== 0 && page.readUInt32LE(MAGIC_AT) === MAGIC;
  return isMeta ? page : undefined;
}

/** In a process of its own, which the file may end. */
function isWalkable(path: string): boolean {
  const lmdb = createRequire(import.meta.url).resolve('lmdb');
  const { status } = spawnSync(process.execPath, ['-e', WALK, lmdb, path], {
    stdio: 'ignore',
    timeout: WALK_MS,
  });
  return status === 0;
}
