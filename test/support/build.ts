import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Where npm and Jest run: this file may have been compiled to somewhere else. */
const ROOT = process.cwd();
const ENTRY = join(ROOT, 'dist/main.js');
/** Of what a build writes, the first and the last. */
const BUILT = [ENTRY, join(ROOT, 'console/dist/index.html')];
const FOLDERS = ['src', 'console/src', 'console/public'];
const FILES = [
  'package.json',
  'nest-cli.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'console/index.html',
  'console/tsconfig.json',
  'console/vite.config.js',
];
const LOCK = join(ROOT, 'node_modules/.build-lock');
/** What a test may wait for the build. */
export const BUILD_MS = 120_000;
/** A lock as old as this was left behind by a build that was killed. */
const STALE_MS = 120_000;

/**
 * The built program, built anew where its sources are younger. Test files that ask at the same time wait for one build; `runtests.sh` has it
 * built before.
 */
export async function builtEntry(): Promise<string> {
  while (await isStale()) {
    if (await tryLock()) await buildAndUnlock();
    else await new Promise((done) => setTimeout(done, 100));
  }
  return ENTRY;
}

async function isStale(): Promise<boolean> {
  const inFolders = await Promise.all(FOLDERS.map((name) => pathsIn(join(ROOT, name))));
  const sources = [...inFolders.flat(), ...FILES.map((name) => join(ROOT, name))];
  const changed = await Promise.all(sources.map(timeOf));
  const built = await Promise.all(BUILT.map(timeOf));
  return Math.max(...changed) > Math.min(...built);
}

/** Folders too: a file that is taken away makes its folder younger. */
async function pathsIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return [folder, ...entries.map((entry) => join(entry.parentPath, entry.name))];
}

/** When it was changed; 0 where it is not there. */
async function timeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  );
}

async function tryLock(): Promise<boolean> {
  try {
    await mkdir(LOCK);
    return true;
  } catch {
    const since = await timeOf(LOCK);
    if (since > 0 && Date.now() - since > STALE_MS) await rm(LOCK, { recursive: true, force: true });
    return false;
  }
}

async function buildAndUnlock(): Promise<void> {
  try {
    const nest = spawn('npm', ['run', '--silent', 'build'], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const [code] = (await once(nest, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`the build ended with exit code ${code}`);
  } finally {
    await rm(LOCK, { recursive: true, force: true });
  }
}
