import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from '@jest/globals';
import { eventually } from '../../../test/support/wait.js';
import { isAlive, mayHaveLostWrites, thisProcess } from './owner.js';

const onLinux = process.platform === 'linux' ? test : test.skip;

let parent: ReturnType<typeof spawn> | undefined;

afterEach(() => {
  parent?.kill('SIGKILL');
  parent = undefined;
});

test('this process is alive, and has lost nothing', () => {
  expect(isAlive(thisProcess('process'))).toBe(true);
  expect(mayHaveLostWrites(thisProcess('process'))).toBe(false);
});

onLinux('a process id that came again is not the same process', () => {
  expect(isAlive({ ...thisProcess('full'), startedAt: '1' })).toBe(false);
});

onLinux('a process of before the machine was started is gone', () => {
  const owner = { ...thisProcess('process'), bootId: 'another' };
  expect(isAlive(owner)).toBe(false);
  expect(mayHaveLostWrites(owner)).toBe(true);
  expect(mayHaveLostWrites({ ...owner, sync: 'full' })).toBe(false);
});

onLinux('a process that was killed and that its parent has not taken note of is gone', async () => {
  // The child becomes one of `sleep`, which waits for none; bash would.
  parent = spawn('bash', ['-c', 'sleep 60 & echo $!; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(parent.stdout!, 'data')) as [Buffer];
  const pid = Number(line.toString());
  await eventually(() => nameOf(parent!.pid!) === 'sleep', 'the parent to be `sleep`');
  const owner = { ...thisProcess('full'), pid, startedAt: stat(pid)[19]! };
  expect(isAlive(owner)).toBe(true);
  process.kill(pid, 'SIGKILL');
  await eventually(() => stat(pid)[0] === 'Z', 'the killed process to be a zombie');
  expect(isAlive(owner)).toBe(false);
});

function nameOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, 'latin1').trim();
}

/** The fields of proc(5)'s stat behind the name, from the state on. */
function stat(pid: number): string[] {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}
