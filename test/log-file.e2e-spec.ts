import { spawn } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { BUILD_MS, builtEntry } from './support/build.js';
import { remember } from './support/children.js';
import { event, get, pushed } from './support/http.js';
import { startApp } from './support/start-app.js';
import { ServerProcess } from './support/start-server.js';

let dir: string;

afterEach(() => rm(dir, { recursive: true, force: true }));

const MAX_KIB = 1;

/** Into a file of at most so much: writing beyond is an I/O error. */
const LOGGING = `ulimit -f ${MAX_KIB}; exec "$0" "$1" 2>>"$2"`;

test(
  'a log that nothing more can be written to ends nothing',
  async () => {
    dir = await mkdtemp(join(tmpdir(), 'notifier-log-'));
    const log = join(dir, 'log');
    const env = { ...process.env, PORT: '0', NOTIFIER_STORE: 'memory', NOTIFIER_LOG_LEVEL: 'trace' };
    const args = ['-c', LOGGING, process.execPath, await builtEntry(), log];
    const child = remember(spawn('bash', args, { env, stdio: ['ignore', 'pipe', 'pipe'] }));
    const server = new ServerProcess(child);
    await server.listening();
    await pushed(server.url, [event('client1', 1, 'x')]);
    expect((await stat(log)).size).toBe(MAX_KIB * 1024);
    expect((await get(server.url, '/health/live')).status).toBe(200);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  },
  BUILD_MS,
);

test('a connection that cannot be accepted ends nothing', async () => {
  const running = await startApp();
  const server: Server = running.app.getHttpServer();
  server.emit('error', Object.assign(new Error('accept ENFILE'), { code: 'ENFILE', syscall: 'accept' }));
  expect((await get(running.url, '/health/live')).status).toBe(200);
  await running.close();
});
