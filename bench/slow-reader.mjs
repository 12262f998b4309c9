// What a subscriber that stops reading costs the server while 100 MB are pushed to its user: the most that the process's own memory (anonymous
// PSS; the log is in pages of its file) grew, without a subscriber, with one that reads, with one that has stopped, and with ten of them.
//
//     npm run build && node bench/slow-reader.mjs
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { startProcess } from './settled-process.mjs';

const PUSHES = 100;
const EVENTS_A_PUSH = 4;
const PADDING = 'x'.repeat(250_000);

function ownMemory(pid) {
  return Number(/^Pss_Anon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]);
}

async function push(url, number) {
  const events = Array.from({ length: EVENTS_A_PUSH }, () => ({
    accessid: 'a',
    created_at: number,
    payload: PADDING,
  }));
  const response = await fetch(`${url}/push_events`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(events),
  });
  if ((await response.text()) !== 'true') throw new Error(`a push was answered ${response.status}`);
}

function subscribe(url) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/subscribe_to_events`);
    socket.on('error', reject);
    socket.on('open', () => socket.send(JSON.stringify({ access_id: 'a', last_event_id: null })));
    socket.once('message', () => resolve(socket));
  });
}

async function growth(name, readers, stopped) {
  const dir = await mkdtemp(join(tmpdir(), 'notifier-slow-'));
  const server = await startProcess(['dist/main.js'], {
    NOTIFIER_DATA_DIR: dir,
    NOTIFIER_SYNC: 'process',
    NOTIFIER_BUFFER_BYTES: '1000000000',
    NOTIFIER_HEARTBEAT: '600',
  });
  const sockets = await Promise.all(Array.from({ length: readers + stopped }, () => subscribe(server.url)));
  for (const socket of sockets.slice(readers)) socket.pause();
  await server.settledPss();
  const before = ownMemory(server.pid);
  let most = before;
  for (let i = 0; i < PUSHES; i++) {
    await push(server.url, i);
    most = Math.max(most, ownMemory(server.pid));
  }
  await server.settledPss();
  const kept = ownMemory(server.pid) - before;
  console.log(`${name}: at most ${mib(most - before)} MiB, ${mib(kept)} MiB once collected`);
  for (const socket of sockets) socket.terminate();
  await server.stop();
  await rm(dir, { recursive: true, force: true });
}

function mib(kib) {
  return (kib / 1024).toFixed(1);
}

await growth('no subscriber', 0, 0);
await growth('one that reads', 1, 0);
await growth('one that has stopped', 0, 1);
await growth('ten that have stopped', 0, 10);
