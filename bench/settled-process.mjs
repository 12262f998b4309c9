// A server in a process of its own, whose memory can be measured once its garbage is collected.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const COLLECT = 'data:text/javascript,process.on("SIGUSR2",()=>{for(let i=0;i<4;i++)gc()})';

/** Starts `node ...args` and waits for the address that it prints. */
export async function startProcess(args, environment = {}) {
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  const child = spawn(process.execPath, ['--expose-gc', '--import', COLLECT, ...args], {
    env: { ...inherited, PORT: '0', NOTIFIER_LOG_LEVEL: 'error', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  while (!/http:\/\/\S+/.test(output)) {
    const [chunk] = await once(child.stdout, 'data');
    output += chunk;
  }
  const [url] = /http:\/\/\S+/.exec(output);
  return { url, pid: child.pid, settledPss: () => settledPss(child), stop: () => stop(child) };
}

/** PSS in KiB, once it does not shrink any more under garbage collections. */
async function settledPss(child) {
  let last = Infinity;
  for (;;) {
    child.kill('SIGUSR2');
    await delay(1000);
    const now = pss(child.pid);
    if (now > last * 0.999) return Math.min(now, last);
    last = now;
  }
}

/** PSS of this moment, in KiB. */
export function pss(pid) {
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]);
}

async function stop(child) {
  child.kill('SIGKILL');
  await once(child, 'exit');
}
