// A server under test: a process of its own, on a core of its own where the machine has two, and what it costs by the kernel's account.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';

const TICKS_PER_SECOND = 100;

export const TARGETS = ['floor', 'memory', 'lmdb'];

/** Starts `target` (a store, or the floor) on a core of its own, and resolves when it listens. */
export function startServer(target) {
  const pinned = availableParallelism() > 1 && process.platform === 'linux';
  return start(pinned ? ['taskset', '-c', '0', process.execPath] : [process.execPath], target);
}

/** Starts a node with the store `store` wherever the machine puts it. */
export function startNode(store, environment = {}) {
  return start([process.execPath], store, environment);
}

async function start(command, target, environment = {}) {
  const dataDir = mkdtempSync(join(tmpdir(), 'notifier-bench-'));
  const script = target === 'floor' ? 'bench/floor.mjs' : 'dist/main.js';
  const child = spawn(command[0], [...command.slice(1), script], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      PORT: '0',
      NOTIFIER_STORE: target === 'floor' ? undefined : target,
      NOTIFIER_DATA_DIR: dataDir,
      NOTIFIER_LOG_LEVEL: 'warn',
      NOTIFIER_MAX_CONNECTIONS_PER_USER: '100000',
      NOTIFIER_SHUTDOWN_DELAY: '0',
      NOTIFIER_SHUTDOWN_GRACE: '1',
      ...environment,
    },
  });
  const [line] = await once(child.stdout, 'data');
  const url = /http:\/\/\S+/.exec(line.toString())[0];
  return {
    url,
    pid: child.pid,
    cpuSeconds: () => cpuSeconds(child.pid),
    pssBytes: () => pssBytes(child.pid),
    async stop() {
      child.kill('SIGKILL');
      await once(child, 'exit');
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** User and system time of all threads: fields 14 and 15 of proc(5)'s stat. */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** What the process adds to the machine's memory: shared pages count by their share. */
function pssBytes(pid) {
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))[1]) * 1024;
}
