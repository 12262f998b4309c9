import { afterEach, expect, test } from '@jest/globals';
import { SocketClient } from './support/socket-client.js';
import { startApp, type RunningApp } from './support/start-app.js';
import { eventually } from './support/wait.js';

let running: RunningApp | undefined;

afterEach(async () => {
  await running?.close();
  running = undefined;
});

const FIRST = { access_id: 'client1', last_event_id: null };

function from(address: string): { headers: Record<string, string> } {
  return { headers: { 'X-Forwarded-For': address } };
}

async function isTaken(url: string, address: string): Promise<boolean> {
  const client = await SocketClient.subscribe(url, FIRST, from(address));
  await client.until((c) => c.closeCode !== undefined || c.subscribed() !== undefined);
  const isRefused = client.closeCode !== undefined;
  if (isRefused) {
    expect([client.closeCode, client.closeReason]).toEqual([
      1013,
      'try again later: too many connections from this address',
    ]);
  } else await client.close();
  return !isRefused;
}

test('an address has as many connections as it may have, of both kinds, and no more', async () => {
  running = await startApp({
    NOTIFIER_MAX_CONNECTIONS_PER_ADDRESS: '2',
    NOTIFIER_TRUST_PROXY: 'loopback',
  });
  const { url } = running;
  const first = await SocketClient.subscribe(url, FIRST, from('203.0.113.1'));
  await SocketClient.connect(`${url}/push_events`, from('203.0.113.1'));
  expect(await isTaken(url, '203.0.113.1')).toBe(false);
  expect(await isTaken(url, '203.0.113.2')).toBe(true);
  // What a client itself writes before its proxy does counts for nothing.
  expect(await isTaken(url, '203.0.113.2, 203.0.113.1')).toBe(false);
  await first.close();
  await eventually(() => isTaken(url, '203.0.113.1'), 'there is room again');
});

test('without a trusted proxy nobody can choose an address', async () => {
  running = await startApp({ NOTIFIER_MAX_CONNECTIONS_PER_ADDRESS: '1' });
  const { url } = running;
  await SocketClient.subscribe(url, FIRST, from('203.0.113.1'));
  expect(await isTaken(url, '203.0.113.2')).toBe(false);
});
