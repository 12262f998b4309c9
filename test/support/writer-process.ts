import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { builtEntry } from './build.js';
import { remember } from './children.js';

const WRITER = join(process.cwd(), 'test/support/journal-writer.mjs');

/** The users that it pushes to. */
export const USERS = Array.from({ length: 30 }, (_, i) => `user${i}`);

/** Bounds that nothing of what it pushes comes near to. */
export const BOUNDS = {
  bufferEvents: 1_000_000,
  bufferBytes: 1e9,
  bufferTtlMs: 1e9,
  totalBytes: 1e10,
  headTtlMs: 1e9,
  idempotencyTtlMs: 1e9,
};

/**
 * Starts a process that pushes to a store: see `journal-writer.mjs`.
 *
 * @param options of the store, beside its bounds
 * @param errors what becomes of its standard error
 */
export async function startWriter(
  options: object,
  round: number,
  errors: 'inherit' | 'ignore',
): Promise<ChildProcessByStdio<null, Readable, null>> {
  const module = join(dirname(await builtEntry()), 'storage/lmdb-event-log.js');
  const args = [WRITER, module, JSON.stringify({ bounds: BOUNDS, ...options }), String(round)];
  const writer = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', errors] });
  remember(writer);
  return writer;
}
