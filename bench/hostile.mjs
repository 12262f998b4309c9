// node bench/hostile.mjs
// Hostile peers of every kind at once, and one subscriber beside them at 1,000 events a second: how late its events are, and what memory is left behind.
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { startServer } from './server-process.mjs';

const SILENT = 2000;
const TRICKLING = 1000;
const GARBAGE = 200;
const PINGS = 10_000;
const SECONDS = 12;
const EVENTS_PER_SECOND = 1000;
const TICK_MS = 5;

const server = await startServer('memory');
const { hostname, port, host } = new URL(server.url);

function open() {
  const socket = connect({ host: hostname, port: Number(port) });
  socket.on('error', () => undefined);
  return socket;
}

const handshake =
  `GET /subscribe_to_events HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';

function many(count, act) {
  return Array.from({ length: count }, () => {
    const socket = open();
    socket.on('data', () => undefined);
    act(socket);
    return socket;
  });
}

/** A ping of no bytes, masked with zeros. */
const ping = Buffer.of(0x89, 0x80, 0, 0, 0, 0);

/** A client's text frame of less than 126 bytes, masked with zeros. */
function frame(text) {
  return Buffer.concat([Buffer.of(0x81, 0x80 | text.length, 0, 0, 0, 0), Buffer.from(text)]);
}

function hostilePeers() {
  const request = `POST /push_events HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\n`;
  const trickling = many(TRICKLING, (socket) => {
    let sent = 0;
    const timer = setInterval(() => socket.write(request[sent++ % request.length]), 1000);
    socket.on('close', () => clearInterval(timer));
  });
  const silent = many(SILENT, (socket) => socket.write(handshake));
  const garbage = many(GARBAGE, (socket) => socket.write(Buffer.alloc(64 * 1024, 0xa5)));
  const pinging = many(1, (socket) => {
    socket.write(Buffer.concat([Buffer.from(handshake), frame('{"access_id":"pinging","timestamp":0}')]));
    socket.write(Buffer.concat(Array(PINGS).fill(ping)));
  });
  const deaf = open();
  deaf.write(Buffer.concat([Buffer.from(handshake), frame('{"access_id":"deaf","timestamp":0}')]));
  deaf.pause();
  return [...trickling, ...silent, ...garbage, ...pinging, deaf];
}

async function push(events) {
  const response = await fetch(`${server.url}/push_events`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(events),
  });
  if (response.status !== 200) throw new Error(`${response.status}`);
}

const latencies = [];
const innocent = new WebSocket(`ws://${host}/subscribe_to_events`);
innocent.on('open', () => innocent.send('{"access_id":"innocent","timestamp":0}'));
innocent.on('message', (data) => {
  const now = performance.now();
  for (const { payload } of JSON.parse(new TextDecoder().decode(data))) latencies.push(now - payload);
});

/** 1,000 events a second for the innocent, and 1 MB a second for the one that does not read. */
async function load(seconds) {
  latencies.length = 0;
  const end = performance.now() + seconds * 1000;
  let tick = 0;
  while (performance.now() < end) {
    const started = performance.now();
    const events = Array.from({ length: (EVENTS_PER_SECOND * TICK_MS) / 1000 }, () => ({
      accessid: 'innocent',
      created_at: 1,
      payload: performance.now(),
    }));
    if (tick++ % 20 === 0) events.push({ accessid: 'deaf', created_at: 1, payload: 'x'.repeat(100_000) });
    await push(events);
    await delay(Math.max(0, TICK_MS - (performance.now() - started)));
  }
  const sorted = [...latencies].sort((a, b) => a - b);
  return { events: sorted.length, p99: sorted[Math.floor(sorted.length * 0.99)], max: sorted.at(-1) };
}

const mib = () => (server.pssBytes() / 2 ** 20).toFixed(0);
const say = (what, { events, p99, max }) =>
  console.log(
    `${what}: ${events} events, p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms, memory ${mib()} MiB`,
  );

await delay(500);
await load(SECONDS);
say('alone', await load(SECONDS));
const peers = hostilePeers();
say(`beside ${peers.length} hostile peers`, await load(SECONDS));
for (const peer of peers) peer.destroy();
say('after them', await load(SECONDS));
say('a while later', await load(4 * SECONDS));
innocent.terminate();
await server.stop();
