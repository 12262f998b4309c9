import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { EXIT } from '../src/cli/exit-codes.js';
import { BUILD_MS, builtEntry } from './support/build.js';
import { run } from './support/command.js';
import { OwnServer } from './support/own-server.js';
import { startServer } from './support/start-server.js';

let folder: string;
let other: OwnServer;

beforeAll(async () => {
  await builtEntry();
  folder = await mkdtemp(join(tmpdir(), 'notifier-doctor-'));
}, BUILD_MS);

afterAll(() => rm(folder, { recursive: true }));

beforeEach(async () => {
  other = await OwnServer.listen();
});

afterEach(() => other.close());

/** A place where the events would fit. */
const SMALL = { NOTIFIER_BUFFER_TOTAL_BYTES: '65536', NOTIFIER_MAX_CONNECTIONS: '10' };

const doctor = (environment: Record<string, string> = {}, args: string[] = []) =>
  run(['doctor', ...args], { ...SMALL, NOTIFIER_DATA_DIR: join(folder, 'data'), ...environment });

test('finds nothing where all is well, a running server included', async () => {
  const server = await startServer();
  const { code, stdout, stderr } = await doctor({}, ['--url', server.url]);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).not.toContain('PROBLEM');
  for (const line of [
    'no mistake in the environment',
    'enough for 10 connections',
    'WebSockets get through',
  ]) {
    expect(stdout).toMatch(new RegExp(`^ok .*${line}`, 'm'));
  }
  await server.stop();
});

test('says that the settings are for this machine alone, but not where the server is elsewhere', async () => {
  const warned = 'listening on this machine only';
  expect((await doctor()).stdout).toContain(warned);
  expect((await doctor({}, ['--url', other.url])).stdout).toContain(warned);
  expect((await doctor({}, ['--url', 'http://notifier.invalid'])).stdout).not.toContain(warned);
});

test('says once that any proxy is believed', async () => {
  const { stdout } = await doctor({ NOTIFIER_TRUST_PROXY: 'true' });
  expect(stdout.split('NOTIFIER_TRUST_PROXY')).toHaveLength(3);
  expect(stdout).toContain('NOTIFIER_TRUST_PROXY=true: whoever connects may claim any address');
});

test('names the mistakes in the settings', async () => {
  const { code, stdout } = await doctor({ NOTIFIER_STORE: 'paper' });
  expect(code).toBe(EXIT.no);
  expect(stdout).toMatch(/^PROBLEM {2}configuration.*\n +NOTIFIER_STORE must be/m);
});

test('finds a data folder that cannot be one, and a disk that is too small', async () => {
  const path = join(folder, 'a-file');
  await writeFile(path, '');
  expect((await doctor({ NOTIFIER_DATA_DIR: path })).stdout).toMatch(
    /^PROBLEM {2}store: .*a-file is no folder/m,
  );
  const { stdout } = await doctor({ NOTIFIER_BUFFER_TOTAL_BYTES: String(2 ** 44) });
  expect(stdout).toMatch(/^warning {2}store: .* may grow to 16384\.0 GiB/m);
});

test('warns of a limit of open files that is too low', async () => {
  const { stdout } = await doctor({ NOTIFIER_MAX_CONNECTIONS: '10000000' });
  expect(stdout).toMatch(/^warning {2}open files: .*\n.*ulimit -n/m);
});

test('finds a JWKS that has no keys, none that answers, and a clock that differs', async () => {
  const environment = { NOTIFIER_JWT_JWKS_URL: other.url };
  other.answer = (response) => response.end('{"keys":[{"kty":"OKP","crv":"Ed25519"},{"kty":"oct"}]}');
  expect((await doctor(environment)).stdout).toMatch(/^ok {7}JWKS: 1 key/m);
  other.answer = (response) => response.end('{"keys":[]}');
  expect((await doctor(environment)).stdout).toMatch(/^PROBLEM {2}JWKS: answers 200, with 0 keys/m);
  other.answer = (response) =>
    response.setHeader('Date', new Date(Date.now() - 3_600_000).toUTCString()).end('{}');
  expect((await doctor(environment)).stdout).toMatch(/^PROBLEM {2}clock: 36\d\d s ahead of that of JWKS/m);
  other.close();
  expect((await doctor(environment)).stdout).toMatch(/^PROBLEM {2}JWKS: does not answer.*ECONNREFUSED/m);
});

test('finds who allows everybody', async () => {
  const environment = { NOTIFIER_AUTH_URL: other.url };
  expect((await doctor(environment)).stdout).toMatch(
    /^PROBLEM {2}authentication: .*allows a token that is none/m,
  );
  other.answer = (response) => response.writeHead(403).end();
  expect((await doctor({ ...environment, HTTPS_PROXY: 'http://127.0.0.1:1' })).stdout).toMatch(
    /^ok {7}authentication: [^]*warning {2}proxies: HTTPS_PROXY is set/m,
  );
});

test('finds a server that is not there, and a proxy that lets no WebSocket through', async () => {
  const at = ['--url', other.url];
  other.answer = (response) => response.end('{}');
  expect((await doctor({}, at)).stdout).toMatch(/^PROBLEM {2}server: WebSockets do not get through/m);
  other.close();
  expect((await doctor({}, at)).stdout).toMatch(/^PROBLEM {2}server: .* does not answer/m);
});
