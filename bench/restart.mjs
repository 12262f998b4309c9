// How long a server takes from its start to its start line, with an empty store and with 1,000,000 events of 10,000 users.
//
//     npm run build && node bench/restart.mjs [folder]
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProcess } from './settled-process.mjs';

const USERS = 10_000;
const EVENTS_A_USER = 100;
const USERS_A_PUSH = 100;
const RUNS = 3;

const BOUNDS = {
  bufferEvents: 1000,
  bufferBytes: 4_194_304,
  bufferTtlMs: 86_400_000,
  totalBytes: 1_073_741_824,
  headTtlMs: 2_592_000_000,
  idempotencyTtlMs: 600_000,
};

async function fill(dir) {
  const { LmdbEventLog } = await import('../dist/storage/lmdb-event-log.js');
  const log = LmdbEventLog.open({ dir, sync: 'process', bounds: BOUNDS });
  for (let user = 0; user < USERS; user += USERS_A_PUSH) {
    const events = Array.from({ length: USERS_A_PUSH * EVENTS_A_USER }, (_, i) =>
      eventOf(user + Math.floor(i / EVENTS_A_USER), i),
    );
    await log.append({ events });
  }
  console.log(`${USERS * EVENTS_A_USER} events, ${log.bytes} bytes`);
  await log.close();
}

function eventOf(user, createdAt) {
  const accessId = `user-${user}`;
  const payload = `"${'x'.repeat(200)}"`;
  return {
    accessId,
    createdAt,
    text: `{"accessid":"${accessId}","created_at":${createdAt},"payload":${payload}}`,
  };
}

async function timeToListen(dir) {
  const times = [];
  for (let i = 0; i < RUNS; i++) {
    const began = performance.now();
    const server = await startProcess(['dist/main.js'], { NOTIFIER_DATA_DIR: dir });
    times.push(`${(performance.now() - began).toFixed(0)} ms (${cpuMs(server.pid)} ms of CPU)`);
    // Killed and not stopped: the next start finds an owner that is gone.
    await server.stop();
  }
  return times.join(', ');
}

/** What a process has used so far, all its threads together. proc(5): fields 14 and 15 of stat, in ticks of 10 ms. */
function cpuMs(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const dir = process.argv[2] ?? (await mkdtemp(join(tmpdir(), 'notifier-restart-')));
console.log(`empty: ${await timeToListen(join(dir, 'empty'))}`);
await fill(join(dir, 'full'));
const { size } = await stat(join(dir, 'full', 'notifier.mdb'));
console.log(`file of ${size} bytes: ${await timeToListen(join(dir, 'full'))}`);
await rm(dir, { recursive: true, force: true });
