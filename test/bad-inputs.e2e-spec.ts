import type { OutgoingHttpHeaders } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BAD_INPUTS, sendBadInput, type BadInput, type Outcome } from './support/bad-inputs.js';
import { event, get, push } from './support/http.js';
import { SocketClient } from './support/socket-client.js';
import { startServer, type ServerProcess } from './support/start-server.js';
import { AUDIENCE, SECRET, tokenFor } from './support/tokens.js';
import { eventually } from './support/wait.js';

/** How soon whoever does nothing wrong must have its event, whatever was sent by others just before. */
const INNOCENT_MS = 1000;

interface Configured {
  readonly environment: Record<string, string>;
  /** What whoever does nothing wrong shows as a connector, and as a subscriber. */
  readonly headers?: OutgoingHttpHeaders;
  readonly first?: object;
}

const OPEN = { HOST: '127.0.0.1', NOTIFIER_AUTH: 'none', NOTIFIER_SUBSCRIBE_TIMEOUT: '5' };
const KEY = 'a-key-of-the-connector';

/** How the server must be configured for the cases that need it so. */
const SERVERS: Readonly<Record<NonNullable<BadInput['needs']> | 'open', Configured>> = {
  open: { environment: OPEN },
  'connector-token': {
    environment: { ...OPEN, NOTIFIER_API_KEYS: `connector:${KEY}:push+read` },
    headers: { Authorization: `Bearer ${KEY}` },
  },
  jwt: {
    environment: { ...OPEN, NOTIFIER_JWT_SECRET: SECRET, NOTIFIER_JWT_AUDIENCE: AUDIENCE },
    first: { token: tokenFor('innocent', { aud: AUDIENCE }) },
  },
};

for (const [needs, server] of Object.entries(SERVERS)) {
  const cases = BAD_INPUTS.filter((input) => (input.needs ?? 'open') === needs);
  describe(`a server (${needs}) that is sent what it must refuse or survive`, () => serve(cases, server));
}

function serve(cases: readonly BadInput[], { environment, headers, first }: Configured): void {
  let server: ServerProcess;
  let innocent: SocketClient;
  /** What is a matter of deadlines waits together, beside everything else. */
  const waiting = new Map<BadInput, Promise<Outcome>>();

  beforeAll(async () => {
    server = await startServer(environment);
    innocent = await SocketClient.subscribe(server.url, { access_id: 'innocent', timestamp: 0, ...first });
    for (const input of cases.filter(({ slow }) => slow)) {
      const outcome = sendBadInput(server.url, input);
      outcome.catch(() => undefined);
      waiting.set(input, outcome);
    }
  });

  afterAll(async () => {
    await server?.kill();
  });

  const inOrder = [...cases.filter(({ slow }) => !slow), ...cases.filter(({ slow }) => slow)];
  test.each(inOrder.map((input) => [input.id, input.what, input] as const))(
    '%s %s',
    async (_id, _what, input) => {
      expectOutcome(await (waiting.get(input) ?? sendBadInput(server.url, input)), input);
      await delivers(server.url, innocent, headers);
      expect(server.exit).toBeUndefined();
    },
  );

  test('keeps nobody that has gone, and no hostile byte in its log', async () => {
    const onlyInnocent = JSON.stringify({ clients: [{ access_id: 'innocent', connections: 1 }], next: null });
    await eventually(
      async () => (await get(server.url, '/clients', headers)).text === onlyInnocent,
      'all others are gone',
    );
    for (const line of server.stderr.split('\n').filter(Boolean)) {
      expect(line).toMatch(/^[\x20-\x7e]+$/);
      expect((JSON.parse(line) as { level: number }).level).toBeLessThan(50);
    }
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  });
}

function expectOutcome(outcome: Outcome, input: BadInput): void {
  const { status, handshake, body, close } = input.expect;
  for (const each of outcome.statuses) expect(status ?? handshake).toContain(each);
  if (body !== undefined) expect(outcome.text).toBe(body);
  else if (outcome.text !== undefined && outcome.statuses[0]! >= 400) expectError(outcome);
  if (close) expect(close).toContain(outcome.close);
  if (close === null) expect(outcome.close).toBeUndefined();
  if (outcome.close === 4501) expect(outcome.texts).toEqual([]);
  expect(outcome.reasonBytes ?? 0).toBeLessThanOrEqual(123);
}

/** Errors are JSON of one form. */
function expectError({ statuses, text }: Outcome): void {
  expect(JSON.parse(text!)).toEqual({
    statusCode: statuses[0],
    error: expect.any(String),
    message: expect.any(String),
  });
}

async function delivers(
  url: string,
  innocent: SocketClient,
  headers: OutgoingHttpHeaders | undefined,
): Promise<void> {
  const mark = `still here ${Math.random()}`;
  expect((await push(url, [event('innocent', 1, mark)], headers)).text).toBe('true');
  await innocent.until(({ texts }) => texts.at(-1)?.includes(mark) ?? false, INNOCENT_MS);
}
