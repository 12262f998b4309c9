import { SocketClient } from './socket-client.js';

/** How a resumable subscription with this first message ends; `subscribed` where it begins. */
export async function outcome(
  url: string,
  first: object,
  headers: Record<string, string> = {},
): Promise<string> {
  const message = { timestamp: 0, last_event_id: null, ...first };
  const client = await SocketClient.subscribe(url, message, { headers });
  await client.until((c) => c.closeCode !== undefined || c.subscribed() !== undefined);
  const { closeCode, closeReason } = client;
  client.ws.terminate();
  return closeCode === undefined ? 'subscribed' : `${closeCode} ${closeReason}`;
}

/** The part of a first message that says who a client is. */
export function withToken(token: string, accessId = 'client1'): object {
  return { access_id: accessId, token };
}
