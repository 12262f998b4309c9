// The load: subscribers and connectors over raw sockets, written once and sent as they are. Delivered events are counted by their marks, not parsed:
// the generator must not be what is measured.
import { connect } from 'node:net';

const MARK = Buffer.from('"m":');
const WORDS = 'the quick brown fox jumps over the lazy dog '.repeat(4);

/** One event of some 280 bytes, marked with a number. */
export function eventJson(accessId, createdAt, number = 1) {
  return `{"accessid":"${accessId}","created_at":${createdAt},"payload":{"m":${number},"type":"order.updated","id":1234567,"ok":true,"price":19.95,"tags":["new","eu"],"text":"${WORDS.slice(0, 130)}"}}`;
}

function open(url) {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  socket.on('error', () => undefined);
  return socket;
}

const handshake = (path, host) =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';

/** A masked text frame whose masking key is zero. */
function clientFrame(text) {
  const body = Buffer.from(text);
  const { length } = body;
  const head =
    length < 126
      ? Buffer.of(0x81, 0x80 | length, 0, 0, 0, 0)
      : length < 65_536
        ? Buffer.of(0x81, 0xfe, length >> 8, length & 255, 0, 0, 0, 0)
        : Buffer.from([
            0x81,
            0xff,
            0,
            0,
            0,
            0,
            length >>> 24,
            (length >> 16) & 255,
            (length >> 8) & 255,
            length & 255,
            0,
            0,
            0,
            0,
          ]);
  return Buffer.concat([head, body]);
}

function countMarks(chunk) {
  let count = 0;
  for (let at = chunk.indexOf(MARK); at >= 0; at = chunk.indexOf(MARK, at + 4)) count++;
  return count;
}

/** Subscribes to a user; `onEvents` is told how many events each chunk completes (a mark cut in two is counted with the next). */
export function subscribe(url, accessId, onEvents) {
  return subscriber(url, accessId, (bytes) => {
    const found = countMarks(bytes);
    if (found > 0) onEvents(found);
    return bytes.subarray(Math.max(0, bytes.length - MARK.length + 1));
  });
}

/** Subscribes to a user; `onNumber` is told the number of each event, as it comes. */
export function follow(url, accessId, onNumber) {
  return subscriber(url, accessId, (bytes) => readNumbers(bytes, onNumber));
}

/** @param read takes what has come and gives back what of it belongs to what is still to come */
function subscriber(url, accessId, read) {
  const socket = open(url);
  let rest = Buffer.alloc(0);
  let isOpen = false;
  socket.write(handshake('/subscribe_to_events', new URL(url).host));
  const opened = new Promise((resolve) => {
    socket.on('data', (chunk) => {
      if (isOpen) {
        rest = Buffer.from(read(rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk));
        return;
      }
      isOpen = true;
      socket.write(clientFrame(JSON.stringify({ access_id: accessId, timestamp: 0 })));
      resolve(undefined);
    });
  });
  return { opened, close: () => socket.destroy() };
}

/** Returns what may be the beginning of a number that is still to come. */
function readNumbers(bytes, onNumber) {
  let from = 0;
  for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, from)) {
    const end = bytes.indexOf(0x2c, at);
    if (end < 0) return bytes.subarray(at);
    onNumber(Number(bytes.latin1Slice(at + MARK.length, end)));
    from = end;
  }
  return bytes.subarray(Math.max(from, bytes.length - MARK.length + 1));
}

/** A connector over HTTP: `push(body)` resolves when it is answered. */
export async function httpConnector(url) {
  const socket = open(url);
  const { host } = new URL(url);
  return connector(socket, (body) => {
    return `POST /push_events HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  });
}

/** A connector over the push WebSocket. */
export async function socketConnector(url) {
  const socket = open(url);
  socket.write(handshake('/push_events', new URL(url).host));
  await new Promise((resolve) => socket.once('data', resolve));
  return connector(socket, clientFrame);
}

function connector(socket, encode) {
  const waiting = [];
  socket.on('data', (chunk) => {
    for (let at = chunk.indexOf('true'); at >= 0; at = chunk.indexOf('true', at + 4)) waiting.shift()?.();
  });
  return {
    push: (body) =>
      new Promise((resolve) => {
        waiting.push(resolve);
        socket.write(encode(body));
      }),
    close: () => socket.destroy(),
  };
}
