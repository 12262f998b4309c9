// What an idle subscribed connection costs the server in memory: PSS of a real server process before and after 10,000 of them, and the same for a
// bare `ws` server, the floor.
//
//     npm run build && node bench/idle.mjs [connections]
//
// Needs two file descriptors a connection (`ulimit -n 25000`).
import { connect } from 'node:net';
import { startProcess } from './settled-process.mjs';

const COUNT = Number(process.argv[2] ?? 10_000);
const WARM_UP = 2000;
const AT_ONCE = 100;

const BARE = `
  import { createServer } from 'node:http';
  import { WebSocketServer } from 'ws';
  const server = createServer();
  const sockets = new WebSocketServer({ server, perMessageDeflate: false, maxPayload: 16384 });
  sockets.on('connection', (socket) => socket.on('message', () => socket.send('[]')));
  server.listen(0, '127.0.0.1', 4096, () => console.log('http://127.0.0.1:' + server.address().port));
`;

/** A client that has subscribed and has been told that it is at the head. */
function subscribe(url, accessId) {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  socket.write(
    `GET /subscribe_to_events HTTP/1.1\r\nHost: ${hostname}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  return new Promise((resolve, reject) => {
    let received = '';
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      const wasUpgraded = received.includes('\r\n\r\n');
      received += chunk.toString('latin1');
      if (!wasUpgraded && received.includes('\r\n\r\n')) socket.write(firstMessage(accessId));
      if (received.endsWith('[]')) {
        socket.removeAllListeners('data');
        socket.resume();
        resolve(socket);
      }
    });
  });
}

function firstMessage(accessId) {
  const text = Buffer.from(JSON.stringify({ access_id: accessId, timestamp: 0, last_event_id: null }));
  // A mask of zeros changes nothing: RFC 6455, section 5.3.
  return Buffer.concat([Buffer.of(0x81, 0x80 | text.length, 0, 0, 0, 0), text]);
}

async function subscribeMany(url, count, prefix) {
  const sockets = [];
  for (let i = 0; i < count; i += AT_ONCE) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - i) }, (_, k) =>
      subscribe(url, `${prefix}${i + k}`),
    );
    sockets.push(...(await Promise.all(batch)));
  }
  return sockets;
}

async function perConnection(name, args, environment) {
  const server = await startProcess(args, environment);
  // What the first connections cost once and for all (code, pools), and what they find free from the start, is nobody's in particular.
  const sockets = await subscribeMany(server.url, WARM_UP, 'warm');
  const before = await server.settledPss();
  sockets.push(...(await subscribeMany(server.url, COUNT, 'user-')));
  const after = await server.settledPss();
  console.log(
    `${name}: ${((after - before) / COUNT).toFixed(2)} KiB a connection (${before} to ${after} KiB)`,
  );
  for (const socket of sockets) socket.destroy();
  await server.stop();
}

await perConnection('bare ws', ['--input-type=module', '-e', BARE], {});
await perConnection('notifier', ['dist/main.js'], { NOTIFIER_STORE: 'memory', NOTIFIER_HEARTBEAT: '3600' });
