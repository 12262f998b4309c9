import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where npm and Jest run: this file may have been compiled to somewhere else. */
const ROOT = process.cwd();
const ENTRY = join(ROOT, 'dist/main.js');
/** The built page, beside the sources that it is built from. */
const PAGE = join(ROOT, 'console/dist');
/** What `dist` was built from, as a digest. */
const STAMP = join(ROOT, 'dist/.built-from');
const LOCK = join(ROOT, 'node_modules/.build-lock');
/** What a test may wait for the build. */
export const BUILD_MS = 120_000;
/** A lock as old as this was left behind by a build that was killed. */
const STALE_MS = 120_000;

/** The built program, built anew where the sources have changed since. Test files that ask at the same time wait for one build. */
export async function builtEntry(): Promise<string> {
  const digest = await digestOfSources();
  while (!(await isBuiltFrom(digest))) {
    if (await tryLock()) await buildAndUnlock(digest);
    else await new Promise((done) => setTimeout(done, 100));
  }
  return ENTRY;
}

async function isBuiltFrom(digest: string): Promise<boolean> {
  const built = await readFile(STAMP, 'utf8').catch(() => '');
  return built === digest;
}

async function digestOfSources(): Promise<string> {
  const hash = createHash('sha256');
  const folders = ['src', 'console'].map((name) => join(ROOT, name));
  const sources = await Promise.all(folders.map(filesIn));
  const paths = sources.flat().filter((path) => !path.startsWith(PAGE));
  const settings = ['package.json', 'nest-cli.json', 'tsconfig.json', 'tsconfig.build.json'];
  for (const path of [...paths.toSorted(), ...settings.map((name) => join(ROOT, name))]) {
    hash.update(path).update(await readFile(path));
  }
  return hash.digest('hex');
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

async function tryLock(): Promise<boolean> {
  try {
    await mkdir(LOCK);
    return true;
  } catch {
    const since = await stat(LOCK).then(
      ({ mtimeMs }) => mtimeMs,
      () => Infinity,
    );
    if (Date.now() - since > STALE_MS) await rm(LOCK, { recursive: true, force: true });
    return false;
  }
}

async function buildAndUnlock(digest: string): Promise<void> {
  try {
    const nest = spawn('npm', ['run', '--silent', 'build'], {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const [code] = (await once(nest, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`the build ended with exit code ${code}`);
    await writeFile(STAMP, digest);
  } finally {
    await rm(LOCK, { recursive: true, force: true });
  }
}
