import { readFileSync } from 'node:fs';
import { newEpoch } from '../../notifier/position.js';
import type { Owner } from './meta.js';

/** This process, as the owner of a file. */
export function thisProcess(sync: Owner['sync']): Owner {
  return { pid: process.pid, startedAt: startOf(process.pid), bootId: bootId(), mark: newEpoch(), sync };
}

/** Whether the owner is a process that runs now. */
export function isAlive(owner: Owner): boolean {
  if (owner.bootId !== bootId()) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    // EPERM: it runs, as another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return startOf(owner.pid) === owner.startedAt;
}

/** Whether the machine went down under an owner that did not wait for the disk. */
export function mayHaveLostWrites(owner: Owner): boolean {
  return owner.sync === 'process' && owner.bootId !== bootId();
}

/** Field 22 of proc(5)'s stat; empty where there is no /proc, and for a process that has ended and that nobody has taken note of. */
function startOf(pid: number): string {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields;
  return state === 'Z' || state === 'X' ? '' : (fields[19] ?? '');
}

function bootId(): string {
  return readOrEmpty('/proc/sys/kernel/random/boot_id').trim();
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
