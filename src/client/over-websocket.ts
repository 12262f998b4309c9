import type { WebSocketConstructor } from './platform.js';
import { reasonOf } from './reason.js';
import { BROKEN } from './wire.js';
import type { Hello, NotifierEvent, Receiver, Subscribed, Transport } from './wire.js';

/** Connects with a WebSocket. */
export function overWebSocket(
  WebSocket: WebSocketConstructor,
  url: string,
  hello: Hello,
  receiver: Receiver,
): Transport {
  const socket = new WebSocket(url.replace(/^http/, 'ws'));
  const say = (message: object) => socket.send(JSON.stringify(message));
  socket.addEventListener('open', () => say(hello));
  socket.addEventListener('message', (event) => {
    try {
      hear((event as { data: string }).data, receiver);
    } catch (error) {
      // Not this server: thrown on, it would end a process of Node's.
      receiver.ended(BROKEN, reasonOf(error));
    }
  });
  let why = '';
  // "close" follows. Without a listener, Node's `ws` would throw.
  socket.addEventListener('error', (event) => (why = reasonOf(event)));
  socket.addEventListener('close', (event) => {
    const { code, reason } = event as { code: number; reason: string };
    receiver.ended(code, code === BROKEN ? why : reason);
  });
  return { renew: (token) => say({ token }), cut: () => socket.close() };
}

function hear(data: string, receiver: Receiver): void {
  const message = JSON.parse(data) as readonly NotifierEvent[] | { readonly subscribed: Subscribed };
  if ('subscribed' in message) receiver.subscribed(message.subscribed);
  else receiver.events(message);
}
