// The floor: the same job by hand on node:http and ws, as one would write it in an afternoon. A ring of 100 events a user, JSON.parse, JSON.stringify,
// one frame an event; no framework, no checks, no promises kept. What the notifier is measured against, in the same run.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const RING = 100;
const decoder = new TextDecoder();
const users = new Map();

function userOf(id) {
  let user = users.get(id);
  if (!user) users.set(id, (user = { ring: [], sockets: new Set() }));
  return user;
}

function push(events) {
  for (const event of events) {
    const { ring, sockets } = userOf(event.accessid);
    if (ring.push(event) > RING) ring.shift();
    if (sockets.size === 0) continue;
    const text = `[${JSON.stringify(event)}]`;
    for (const socket of sockets) socket.send(text);
  }
}

const server = createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    push(JSON.parse(Buffer.concat(chunks).toString()));
    response.end('true');
  });
});

new WebSocketServer({ server, path: '/subscribe_to_events', perMessageDeflate: false }).on(
  'connection',
  (socket) => {
    let user;
    socket.on('message', (message) => {
      if (user) return;
      const { access_id: id, timestamp } = JSON.parse(decoder.decode(message));
      user = userOf(id);
      const missed = user.ring.filter((event) => event.created_at >= timestamp);
      if (missed.length > 0) socket.send(JSON.stringify(missed));
      user.sockets.add(socket);
    });
    socket.on('close', () => user?.sockets.delete(socket));
    socket.on('error', () => undefined);
  },
);

server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', 4096, () => {
  console.log(`notifier listening on http://127.0.0.1:${server.address().port} (store: floor)`);
});
