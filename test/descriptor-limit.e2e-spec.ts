import { spawn, type ChildProcess } from 'node:child_process';
import { afterEach, describe, expect, test } from '@jest/globals';
import { connectionLimit, socketLimits } from '../src/descriptors.js';
import { builtEntry } from './support/build.js';
import { get } from './support/http.js';
import { RawSocket } from './support/raw-socket.js';
import { SocketClient } from './support/socket-client.js';
import { ServerProcess } from './support/start-server.js';
import { eventually } from './support/wait.js';

let child: ChildProcess | undefined;

afterEach(() => {
  child?.kill('SIGKILL');
});

/** The built server with a limit of open files, as a service manager sets it. */
async function startWith(openFiles: number): Promise<ServerProcess> {
  const entry = await builtEntry();
  const env = { PATH: process.env['PATH'], PORT: '0', NOTIFIER_STORE: 'memory' };
  child = spawn('sh', ['-c', `ulimit -n ${openFiles} && exec "$0" "$1"`, process.execPath, entry], { env });
  const server = new ServerProcess(child);
  await server.listening();
  return server;
}

describe('sockets and the limit of open files', () => {
  test.each([
    [1024, { sockets: 960, connections: 768 }],
    [100, { sockets: 36, connections: 1 }],
    [1, { sockets: 2, connections: 1 }],
    [Infinity, { sockets: Infinity, connections: Infinity }],
  ])('with %p open files there are as many as %p', (openFiles, limits) => {
    expect(socketLimits(openFiles)).toEqual(limits);
  });

  test.each([
    [768, 1024, 768, undefined],
    [
      769,
      1024,
      768,
      'NOTIFIER_MAX_CONNECTIONS is lowered from 769 to 768: this process may open 1024 files, 256 of',
    ],
    [100_000, Infinity, 100_000, undefined],
  ])('of %d connections that are configured, %d open files leave %d', (wanted, openFiles, left, said) => {
    const { connections, warning } = connectionLimit(wanted, openFiles);
    expect([connections, warning?.slice(0, said?.length)]).toEqual([left, said]);
  });

  test('subscribers leave room for health checks, and whoever comes beyond all room is cut', async () => {
    const server = await startWith(280);
    const { url } = server;
    expect(server.stderr).toContain('NOTIFIER_MAX_CONNECTIONS is lowered from 100000 to 24');
    const first = { access_id: 'a', last_event_id: null };
    const subscribers = await Promise.all(
      Array.from({ length: 24 }, (_, i) => SocketClient.subscribe(url, { ...first, access_id: `user${i}` })),
    );
    for (const client of subscribers) await client.until((c) => c.hasReachedHead);
    const refused = await SocketClient.subscribe(url, first);
    expect((await refused.closed()).code).toBe(1013);
    expect((await get(url, '/health/ready')).status).toBe(200);
    const silent = await Promise.all(Array.from({ length: 300 }, () => RawSocket.connect(url)));
    await eventually(() => silent.filter(({ isEnded }) => isEnded).length >= 50, 'some are cut');
    expect(server.isAlive).toBe(true);
    for (const socket of silent) socket.destroy();
    await eventually(async () => (await get(url, '/health/ready')).status === 200, 'it answers again');
    expect(subscribers.every(({ closeCode }) => closeCode === undefined)).toBe(true);
  }, 90_000);
});
