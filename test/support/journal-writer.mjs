/**
 * Pushes to a store until it is killed, and says on standard output which pushes it was told are stored: a line each, of the user and the
 * number. Unless the options say otherwise, its journal is so short that some of it is always being carried over.
 *
 *     node journal-writer.mjs <built lmdb-event-log.js> <options of the store as JSON> <round>
 */
import { writeSync } from 'node:fs';

const [, , module, options, round] = process.argv;
const { LmdbEventLog } = await import(module);

const USERS = 30;
const WORKERS = 8;
const log = LmdbEventLog.open({ journalBytes: 20_000, ...JSON.parse(options) });
let count = 0;

async function work() {
  for (;;) {
    const number = count++;
    const accessId = `user${number % USERS}`;
    const text = `${round} ${number} ${'x'.repeat(number % 700)}`;
    await log.append({ events: [{ accessId, createdAt: number, text }] });
    writeSync(1, `${accessId} ${round} ${number}\n`);
  }
}

await Promise.all(Array.from({ length: WORKERS }, work));
