import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { listenFault } from '../src/listen-fault.js';
import { BUILD_MS } from './support/build.js';
import { spawnServer } from './support/start-server.js';

/** The last line of a server that does not start: those before it are warnings. */
async function lastLine(environment: Readonly<Record<string, string>>): Promise<string> {
  const server = await spawnServer({ NOTIFIER_AUTH: 'none', ...environment });
  expect(await server.exited()).toEqual({ code: 1, signal: null });
  expect(server.stdout).toBe('');
  return server.stderr.trimEnd().split('\n').at(-1)!;
}

test(
  'a port that is taken is named, with what to do',
  async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    expect(await lastLine({ HOST: '127.0.0.1', PORT: String(port) })).toBe(
      `notifier: PORT=${port} is taken on 127.0.0.1: another program listens there; stop it, or set another PORT (EADDRINUSE)`,
    );
    other.close();
  },
  BUILD_MS,
);

test(
  'an address of another machine is named',
  async () => {
    expect(await lastLine({ HOST: '192.0.2.7' })).toBe(
      'notifier: HOST=192.0.2.7 is no address of this machine (EADDRNOTAVAIL)',
    );
  },
  BUILD_MS,
);

test(
  'one that is no line is not shown in one',
  async () => {
    const server = await spawnServer({ NOTIFIER_AUTH: 'none', HOST: 'a\nb\u001b[31m.invalid' });
    expect(await server.exited()).toEqual({ code: 1, signal: null });
    expect(server.stderr).toContain('notifier: HOST is no address');
    expect(server.stderr).not.toContain('\u001b');
    expect(server.stderr).not.toMatch(/^b/m);
  },
  BUILD_MS,
);

test(
  'a file in the place of the data folder is named',
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'notifier-start-'));
    const place = join(dir, 'data');
    await writeFile(place, '');
    expect(await lastLine({ HOST: '127.0.0.1', NOTIFIER_STORE: 'lmdb', NOTIFIER_DATA_DIR: place })).toBe(
      `notifier: the data folder ${place} cannot be made: a file stands in its place`,
    );
    await rm(dir, { recursive: true });
  },
  BUILD_MS,
);

const onLinux = process.platform === 'linux' ? test : test.skip;

onLinux(
  'a data folder where none can be made is named',
  async () => {
    const place = '/proc/notifier/data';
    expect(await lastLine({ HOST: '127.0.0.1', NOTIFIER_STORE: 'lmdb', NOTIFIER_DATA_DIR: place })).toBe(
      `notifier: the data folder ${place} cannot be made: no folder can be made there`,
    );
  },
  BUILD_MS,
);

test.each([
  [
    'EACCES',
    'PORT=80 may not be opened by this user: set 1024 or more, or grant CAP_NET_BIND_SERVICE (EACCES)',
  ],
  ['ENOTFOUND', 'HOST=app.invalid is no address, and no name that can be resolved (ENOTFOUND)'],
  ['EOTHER', 'as the system says'],
])('%s is said as %s', (code, text) => {
  const error = Object.assign(new Error('as the system says'), { code });
  expect(listenFault(error, { host: 'app.invalid', port: 80 }).message).toBe(text);
});
