import { spawnSync } from 'node:child_process';
import { closeSync, openSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { hasRoots, usedBytes } from './meta-pages.js';

/** A walk through 1 GiB takes 2 s where it is in memory. */
const WALK_MS = 120_000;

/** Reads every page that is in use: those of the records, which garbage may seem not to have, and those of the list of free ones. */
const WALK = `
  const { open } = require(process.argv[1]);
  const db = open({ path: process.argv[2], readOnly: true, encoding: 'binary', keyEncoding: 'binary' });
  let count = 0;
  for (const _ of db.getRange({})) count++;
  if (count !== db.getStats().entryCount) process.exit(1);
`;

/**
 * Why LMDB must not open the file; `undefined` where it may, or there is none. LMDB maps the file into memory and believes what stands in
 * it: garbage or a missing end would not be an error but the end of the process (SIGSEGV, SIGBUS).
 */
export function faultOf(path: string): string | undefined {
  const { size } = statSync(path, { throwIfNoEntry: false }) ?? { size: 0 };
  if (size === 0) return undefined;
  const fd = openSync(path, 'r');
  try {
    const used = usedBytes(fd);
    if (used === undefined) return 'it is not a file of this store';
    // The end of a whole file may be missing too: pages that were free again before they were written.
    if (size >= used && hasRoots(fd)) return undefined;
  } finally {
    closeSync(fd);
  }
  return isWalkable(path) ? undefined : 'a part of it is missing or damaged';
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
