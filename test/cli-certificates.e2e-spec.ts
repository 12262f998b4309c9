import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { EXIT } from '../src/cli/exit-codes.js';
import { BUILD_MS, builtEntry } from './support/build.js';
import { command, run } from './support/command.js';
import { startServer, type ServerProcess } from './support/start-server.js';

const CERTIFICATES = resolve(import.meta.dirname, 'certificates');
const CERTIFICATE = join(CERTIFICATES, 'first.cert.pem');
const KNOWN = { NODE_EXTRA_CA_CERTS: CERTIFICATE };

let server: ServerProcess;
let at: string[];

beforeAll(async () => {
  await builtEntry();
  const key = join(CERTIFICATES, 'first.key.pem');
  server = await startServer({ NOTIFIER_TLS_CERT: CERTIFICATE, NOTIFIER_TLS_KEY: key });
  at = ['--url', server.url];
}, BUILD_MS);

afterAll(() => server.stop());

test.each([[['clients']], [['push', 'client1', '1']]])(
  '%j says how to believe a certificate that nobody vouches for',
  async (args) => {
    expect(await run([...args, ...at])).toMatchObject({
      code: EXIT.unavailable,
      stderr: expect.stringMatching(
        /^notifier: cannot reach \S+: DEPTH_ZERO_SELF_SIGNED_CERT\n.+NODE_EXTRA_CA_CERTS/,
      ),
    });
    expect((await run([...args, ...at], KNOWN)).code).toBe(0);
  },
);

test('notifier subscribe says what is wrong with it at each attempt, and once what to do', async () => {
  const follower = await command(['subscribe', 'client1', ...at]);
  const attempts = () =>
    follower.stderr.match(/^cannot reach https:\S+ \(self-signed certificate/gm)?.length ?? 0;
  // Over a WebSocket, over server-sent events, and again.
  await follower.until(() => attempts() >= 3);
  follower.signal('SIGTERM');
  const { stderr } = await follower.ended();
  expect(stderr.match(/NODE_EXTRA_CA_CERTS/g)).toHaveLength(1);
  const knowing = await command(['subscribe', 'client1', ...at], KNOWN);
  await knowing.until((c) => c.stderr.includes('connected (websocket)'));
  knowing.signal('SIGTERM');
  await knowing.ended();
});
