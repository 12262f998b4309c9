import { generateKeyPairSync } from 'node:crypto';
import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Figures } from './support/figures.js';
import { event, pushed } from './support/http.js';
import { RawSocket } from './support/raw-socket.js';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { spawnServer, startServer, type ServerProcess } from './support/start-server.js';
import { TestStore } from './support/test-store.js';
import { eventually } from './support/wait.js';
import { WrappedLog } from './support/wrapped-log.js';

const CERTIFICATES = resolve(import.meta.dirname, 'certificates');

const HOST = 'Host: localhost\r\n';
const BODY = JSON.stringify([event('client1', 1, 'x')]);
const PUSH = `POST /push_events HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;
const STREAM = '/subscribe_to_events?access_id=client1&timestamp=0';
const UPGRADE =
  'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

let dir: string;
let server: ServerProcess | undefined;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'notifier-tls-'));
});

afterEach(async () => {
  await server?.kill();
  server = undefined;
  await rm(dir, { recursive: true, force: true });
});

/** Puts a certificate and its key where the server reads them. */
async function install(name: string): Promise<void> {
  await copyFile(join(CERTIFICATES, `${name}.cert.pem`), join(dir, 'cert.pem'));
  await copyFile(join(CERTIFICATES, `${name}.key.pem`), join(dir, 'key.pem'));
}

function files(): Record<string, string> {
  return { NOTIFIER_TLS_CERT: join(dir, 'cert.pem'), NOTIFIER_TLS_KEY: join(dir, 'key.pem') };
}

async function provenName(url: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { subject }: PeerCertificate = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

/** Pushes over HTTPS, believing one certificate. */
async function push(url: string, ca: Buffer, payload: string): Promise<string> {
  const headers = { 'Content-Type': 'application/json' };
  const outgoing = request(`${url}/push_events`, { method: 'POST', headers, ca, agent: false });
  outgoing.end(JSON.stringify([event('client1', 1, payload)]));
  const [response] = (await once(outgoing, 'response')) as [import('node:http').IncomingMessage];
  return text(response);
}

test('a certificate that has expired is warned about, at the start and when it is read again', async () => {
  const warnings = () =>
    server!.stderr.match(/"level":40[^\n]*the certificate [^\n]*has expired on [^\n]* 2026 GMT"/g) ?? [];
  await install('expired');
  server = await startServer(files());
  expect(warnings()).toHaveLength(1);
  server.signal('SIGHUP');
  await eventually(() => warnings().length === 2, 'it is warned about again');
  await install('first');
  server.signal('SIGHUP');
  await eventually(async () => (await provenName(server!.url)) === 'first.test', 'the other one is taken');
  expect(warnings()).toHaveLength(2);
});

test('with a certificate it speaks HTTPS and WSS, and takes a renewed one on SIGHUP', async () => {
  await install('first');
  server = await startServer(files());
  const { url } = server;
  expect(url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
  const ca = await readFile(join(CERTIFICATES, 'first.cert.pem'));
  const client = await SocketClient.subscribe(url, { access_id: 'client1', timestamp: 0 }, { ca });
  expect(await push(url, ca, 'over TLS')).toBe('true');
  await client.untilEvents(1);
  await install('second');
  server.signal('SIGHUP');
  await eventually(async () => (await provenName(url)) === 'second.test', 'the new certificate is shown');
  const newCa = await readFile(join(CERTIFICATES, 'second.cert.pem'));
  expect(await push(url, newCa, 'after the renewal')).toBe('true');
  await client.untilEvents(2);
  expect(client.payloads()).toEqual(['over TLS', 'after the renewal']);
});

test('a renewed certificate that is wrong leaves the old one in place', async () => {
  await install('first');
  server = await startServer(files());
  await copyFile(join(CERTIFICATES, 'second.key.pem'), join(dir, 'key.pem'));
  server.signal('SIGHUP');
  await eventually(() => server!.stderr.includes('stay as they were'), 'it says so');
  await writeFile(join(dir, 'cert.pem'), 'nonsense');
  server.signal('SIGHUP');
  await eventually(() => server!.stderr.split('stay as they were').length === 3, 'it says so again');
  expect(await provenName(server.url)).toBe('first.test');
});

test('a plain HTTP request to a TLS port harms nobody', async () => {
  await install('first');
  server = await startServer(files());
  const raw = await RawSocket.connect(server.url);
  raw.write('GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
  await raw.ended();
  expect(await provenName(server.url)).toBe('first.test');
});

const APART = 'NOTIFIER_TLS_KEY does not belong to NOTIFIER_TLS_CERT';
const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

test.each([
  ['another certificate', () => readFile(join(CERTIFICATES, 'second.key.pem'), 'utf8'), APART],
  ['another type', () => RSA.export({ type: 'pkcs8', format: 'pem' }), APART],
  [
    'nobody',
    () => 'nonsense',
    expect.stringMatching(
      /^NOTIFIER_TLS_KEY must name a file that holds a private key without a passphrase in PEM \(ERR_/,
    ),
  ],
])('a certificate with the key of %s stops the start', async (_what, key, fault) => {
  await install('first');
  await writeFile(join(dir, 'key.pem'), await key());
  server = await spawnServer(files());
  expect(await server.exited()).toEqual({ code: 78, signal: null });
  expect(server.stderr.trimEnd().replace('notifier: ', '')).toEqual(fault);
});

test('without TLS, SIGHUP is answered by a line in the log, and nothing changes', async () => {
  server = await startServer();
  const client = await SocketClient.subscribe(server.url, { access_id: 'client1', timestamp: 0 });
  server.signal('SIGHUP');
  await eventually(() => server!.stderr.includes('since TLS is off'), 'it says so');
  server.signal('SIGHUP');
  await eventually(() => server!.stderr.split('since TLS is off').length === 3, 'it says so again');
  await pushed(server.url, [event('client1', 1, 'still here')]);
  await client.untilEvents(1);
  expect(await server.stop()).toEqual({ code: 0, signal: null });
});

test('over TLS, too, who shows no sign of life is cut, and who answers pings stays', async () => {
  await install('first');
  server = await startServer({ ...files(), NOTIFIER_HEARTBEAT: '1' });
  const ca = await readFile(join(CERTIFICATES, 'first.cert.pem'));
  const first = { access_id: 'client1', last_event_id: null };
  // Each of them is sent something every second, and their systems take it.
  const alive = await SocketClient.subscribe(server.url, first, { ca });
  const dead = await SocketClient.subscribe(server.url, first, { ca, autoPong: false });
  expect((await dead.closed()).code).toBe(1006);
  const { length } = alive.texts;
  await alive.until(({ texts }) => texts.length > length);
  expect(alive.closeCode).toBeUndefined();
});

test('over TLS, a small frame fills no socket', async () => {
  await install('first');
  server = await startServer(files());
  const ca = await readFile(join(CERTIFICATES, 'first.cert.pem'));
  const client = await SocketClient.subscribe(server.url, { access_id: 'client1', timestamp: 0 }, { ca });
  expect(await push(server.url, ca, 'x')).toBe('true');
  await client.untilEvents(1);
  const asked = request(`${server.url}/metrics`, { ca, agent: false }).end();
  const [response] = (await once(asked, 'response')) as [import('node:http').IncomingMessage];
  expect(new Figures(await text(response)).value('notifier_full_sockets_total')).toBe(0);
});

describe('over TLS, too, a peer that has said all it has to say', () => {
  let running: RunningApp;
  let log: WrappedLog;
  let server: Server;
  let socket: Socket;

  beforeEach(async () => {
    await install('first');
    log = new WrappedLog(new TestStore('memory').open());
    running = await startApp(files(), [log.provider]);
    server = running.app.getHttpServer();
  });

  afterEach(async () => {
    socket.destroy();
    await running.close();
  });

  function connectHalfOpen(): void {
    const port = Number(new URL(running.url).port);
    const options = { host: '127.0.0.1', port, rejectUnauthorized: false, allowHalfOpen: true };
    socket = connect(options);
  }

  function letGo(): Promise<void> {
    return eventually(
      () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count === 0))),
      'the server has let go of it',
    );
  }

  test('still gets its answers', async () => {
    connectHalfOpen();
    const [accepted] = (await once(server, 'secureConnection')) as [TLSSocket];
    // The store takes nothing before the server has read that nothing more comes.
    const ended = once(accepted, 'end');
    log.at = async () => void (await ended);
    socket.end(PUSH.repeat(3));
    expect((await text(socket)).match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  });

  test.each([
    ['at once', ''],
    ['in the middle of its handshake', '16030100'],
  ])('that does so %s holds no connection', async (_when, bytes) => {
    socket = createConnection({ port: Number(new URL(running.url).port), allowHalfOpen: true });
    await once(server, 'connection');
    const failed = once(server, 'tlsClientError');
    socket.end(Buffer.from(bytes, 'hex'));
    // And not at the end of the time that a handshake has.
    expect(await failed).toMatchObject([{ code: 'ECONNRESET' }, {}]);
    await letGo();
  });

  test.each([
    ['nothing', ''],
    ['a whole request', `GET /health/live HTTP/1.1\r\n${HOST}\r\n`],
    ['half a request', PUSH.slice(0, -5)],
    ['a handshake', `GET /subscribe_to_events HTTP/1.1\r\n${HOST}${UPGRADE}\r\n`],
    ["a connector's handshake", `GET /push_events HTTP/1.1\r\n${HOST}${UPGRADE}\r\n`],
    ['to be sent a stream', `GET ${STREAM} HTTP/1.1\r\n${HOST}Accept: text/event-stream\r\n\r\n`],
  ])('and said %s, holds no connection', async (_what, bytes) => {
    connectHalfOpen();
    socket.end(bytes);
    await text(socket);
    await letGo();
  });
});
