import { platform, type Signal } from './platform.js';
import { reasonOf } from './reason.js';
import { BROKEN, INVALID_SUBSCRIPTION, TOKEN_EXPIRED, UNAUTHORIZED } from './wire.js';
import type { Hello, NotifierEvent, Receiver, Subscribed, Transport } from './wire.js';

type FetchResponse = Awaited<ReturnType<typeof platform.fetch>>;

/** Connects with server-sent events. By `fetch`: an `EventSource` sends no token but in the URL, and tells no status. */
export function overSse(url: string, hello: Hello, receiver: Receiver): Transport {
  const abort = new platform.AbortController();
  read(url, hello, receiver, abort.signal).catch((error: unknown) => receiver.ended(BROKEN, reasonOf(error)));
  return { cut: () => abort.abort() };
}

async function read(
  url: string,
  { token, ...hello }: Hello,
  receiver: Receiver,
  signal: Signal,
): Promise<void> {
  const headers = { Accept: 'text/event-stream', ...(token && { Authorization: `Bearer ${token}` }) };
  const response = await platform.fetch(urlFor(url, hello), { headers, signal, cache: 'no-store' });
  if (response.status !== 200) return refused(response, receiver);
  const reader = response.body!.getReader();
  const decoder = new platform.TextDecoder();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return receiver.ended(BROKEN, '');
    const blocks = (rest + decoder.decode(value, { stream: true })).split('\n\n');
    rest = blocks.pop()!;
    hear(blocks, receiver);
  }
}

function urlFor(url: string, hello: Hello): string {
  const parsed = new platform.URL(url);
  for (const [name, value] of Object.entries(hello)) {
    if (value !== undefined) parsed.searchParams.set(name, String(value ?? ''));
  }
  return parsed.href;
}

/** An answer that is not this server's own says nothing about the subscription: whatever is on the way may be having a bad day. */
async function refused(response: FetchResponse, receiver: Receiver): Promise<void> {
  const { status } = response;
  const answer: unknown = await response.json().catch(() => undefined);
  const { statusCode, message } = Object(answer) as { statusCode?: number; message?: string };
  if (statusCode === status) receiver.ended(codeFor(status, `${message}`), `${message}`);
  else receiver.ended(BROKEN, `Unexpected server response: ${status}`);
}

function codeFor(status: number, message: string): number {
  if (status === 400) return INVALID_SUBSCRIPTION;
  if (status !== 401 && status !== 403) return BROKEN;
  return message.startsWith('token expired') ? TOKEN_EXPIRED : UNAUTHORIZED;
}

function hear(blocks: readonly string[], receiver: Receiver): void {
  // Comments leave nothing, and are a sign of life like any message.
  const events: NotifierEvent[] = [];
  for (const block of blocks) {
    const { event, id, data } = fieldsOf(block);
    if (data === undefined) continue;
    const message = JSON.parse(data) as object;
    if (event === undefined) events.push({ id, ...message } as NotifierEvent);
    else if (event === 'subscribed') receiver.subscribed((message as { subscribed: Subscribed }).subscribed);
    else if (event === 'close') {
      receiver.events(events);
      const { code, reason } = message as { code: number; reason: string };
      return receiver.ended(code, reason);
    }
  }
  receiver.events(events);
}

function fieldsOf(block: string): Readonly<Record<string, string>> {
  const fields: Record<string, string> = {};
  for (const line of block.split('\n')) {
    const colon = line.indexOf(': ');
    const name = line.slice(0, colon);
    const value = line.slice(colon + 2);
    if (colon > 0) fields[name] = name in fields ? `${fields[name]}\n${value}` : value;
  }
  return fields;
}
