import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { cleanEnvironment } from './support/command.js';
import { installedIn } from './support/installed.js';
import { Waiters } from './support/wait.js';

const ROOT = join(import.meta.dirname, '..');

/** What a build and a package are made of. Not where it stands: other tests run what is built there. */
const SOURCES = [
  'src',
  'console',
  'nest-cli.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'README.md',
  'LICENSE',
];

/** A build and an installation, on a machine that does other things as well. */
const DEADLINE_MS = 480_000;

const env = cleanEnvironment();

let folder: string;
let server: ChildProcess | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'notifier-package-'));
});

afterAll(async () => {
  if (server?.exitCode === null) process.kill(-server.pid!, 'SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

const run = async (program: string, args: readonly string[], cwd: string) =>
  (await promisify(execFile)(program, args, { cwd, env, maxBuffer: 2 ** 26 })).stdout;

/** The package as it would be published: the tree of the repository, packed elsewhere. */
async function pack(): Promise<{ tarball: string; files: string[] }> {
  const tree = join(folder, 'tree');
  await mkdir(tree);
  const { files } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { files: string[] };
  const own = files.filter((path) => !path.startsWith('!') && !path.endsWith('dist'));
  for (const path of [...SOURCES, ...own, 'package.json'])
    await cp(join(ROOT, path), join(tree, path), { recursive: true });
  await symlink(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
  // What the build itself prints stands before it.
  const printed = await run('npm', ['pack', '--json', '--foreground-scripts=false'], tree);
  const [packed] = JSON.parse(printed.slice(printed.indexOf('['))) as [
    { filename: string; files: { path: string }[] },
  ];
  return { tarball: join(tree, packed.filename), files: packed.files.map(({ path }) => path) };
}

test(
  'the package installs into an empty folder without what development needs, and runs there',
  async () => {
    const { tarball, files } = await pack();
    expect(files).toEqual(
      expect.arrayContaining([
        'README.md',
        'LICENSE',
        'dist/main.js',
        'dist/client/client.d.ts',
        'console/dist/index.html',
      ]),
    );
    expect(files.filter((path) => /\.map$|\.spec\.|^src|^console\/src|^test/.test(path))).toEqual([]);

    const home = join(folder, 'home');
    await mkdir(home);
    await run('npm', ['install', '--omit=dev', '--no-audit', '--no-fund', tarball], home);
    const { all, ofNest } = await installedIn(home);
    expect(all).not.toContain('node_modules/typescript');
    const own = all.filter((place) => !ofNest.has(place) && place !== 'node_modules/notifier');
    expect(own.length).toBeGreaterThan(0);
    expect(own.length).toBeLessThan(60);

    const url = await serve(home);
    expect(await (await fetch(`${url}/console`)).text()).toContain('<title>notifier</title>');
    const at = ['--url', url];
    await run('npx', ['notifier', 'push', 'client1', 'hello', ...at], home);
    const printed = await run(
      'npx',
      ['notifier', 'subscribe', 'client1', '--since', '0', '--count', '1', ...at],
      home,
    );
    expect(JSON.parse(printed)).toMatchObject({ accessid: 'client1', payload: 'hello' });
    expect(await readdir(join(home, 'data'))).not.toEqual([]);

    const asked = `import { subscribe } from 'notifier/client'; console.log(typeof subscribe);`;
    expect(await run(process.execPath, ['--input-type=module', '-e', asked], home)).toBe('function\n');

    process.kill(-server!.pid!, 'SIGTERM');
    if (server!.exitCode === null) await once(server!, 'exit');
  },
  DEADLINE_MS,
);

/** Runs `npx notifier serve`, with everything as it is unless told, and tells where. */
async function serve(home: string): Promise<string> {
  const waiters = new Waiters();
  let output = '';
  server = spawn('npx', ['notifier', 'serve', '--port', '0'], { cwd: home, env, detached: true });
  const hear = (chunk: Buffer) => {
    output += chunk.toString();
    waiters.changed();
  };
  server.stdout!.on('data', hear);
  server.stderr!.on('data', hear);
  const line = /listening on (\S+) \(store: lmdb\)/;
  await waiters.until(
    () => line.test(output),
    () => output,
    DEADLINE_MS,
  );
  return line.exec(output)![1]!;
}
