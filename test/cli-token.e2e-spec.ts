import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { EXIT } from '../src/cli/exit-codes.js';
import { BUILD_MS, builtEntry } from './support/build.js';
import { run } from './support/command.js';
import { OwnServer } from './support/own-server.js';
import { secondsFromNow, SECRET, token, tokenFor } from './support/tokens.js';

const ENVIRONMENT = { NOTIFIER_JWT_SECRET: SECRET, NOTIFIER_JWT_ISSUER: 'https://example.com' };

let folder: string;

beforeAll(async () => {
  await builtEntry();
  folder = await mkdtemp(join(tmpdir(), 'notifier-token-'));
}, BUILD_MS);

afterAll(() => rm(folder, { recursive: true }));

const file = async (name: string, text: string) => {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
};

test('a token that was made is right, by the settings of the server or by the flags', async () => {
  const made = await run(['token', 'make', 'client1', '--expires-in', '176400'], ENVIRONMENT);
  expect(
    await run(['token', 'check', made.stdout.trim(), '--access-id', 'client1'], ENVIRONMENT),
  ).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^right: for client1, for another 2 d\n/),
  });
  expect((await run(['token', 'check'], ENVIRONMENT, made.stdout)).code).toBe(0);
  const flags = ['--secret-file', await file('secret', `${SECRET}\n`)];
  const tokenFile = await file('token', (await run(['token', 'make', 'client1', ...flags])).stdout);
  expect((await run(['token', 'check', '--token-file', tokenFile, ...flags])).code).toBe(0);
});

test.each([
  ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ['P-256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ['Ed25519', generateKeyPairSync('ed25519')],
])('a token signed with a private key of %s is right for its public key', async (name, pair) => {
  const privatePath = await file(
    `${name}.key`,
    pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  );
  const publicPath = await file(
    `${name}.pub`,
    pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  );
  const made = await run(['token', 'make', 'client1', '--private-key-file', privatePath]);
  expect((await run(['token', 'check', made.stdout.trim(), '--public-key-file', publicPath])).code).toBe(0);
});

test('no token is made that the server would not take', async () => {
  const { code, stdout, stderr } = await run(['token', 'make', ''], ENVIRONMENT);
  expect({ code, stdout }).toEqual({ code: EXIT.data, stdout: '' });
  expect(stderr).toContain('access_id must not be empty');
});

describe('notifier token check', () => {
  const iss = 'https://example.com';

  test.each([
    [
      'a time that is over',
      tokenFor('client1', { iss, exp: secondsFromNow(-176_400) }),
      'it expired 2 d ago, at ',
    ],
    ['no exp', token({ sub: 'client1', iss }), 'it has no exp'],
    [
      'an exp in milliseconds',
      tokenFor('client1', { iss, exp: 1_900_000_000_000 }),
      'its exp is 1900000000000, and must be a number of seconds',
    ],
    [
      'an nbf to come',
      tokenFor('client1', { iss, nbf: secondsFromNow(176_400) }),
      'it begins to count in 2 d, at ',
    ],
    [
      'another issuer',
      tokenFor('client1', { iss: 'me' }),
      'its iss is "me", and must be https://example.com',
    ],
    ['no issuer', tokenFor('client1'), 'it has no iss, which must be https://example.com'],
    ['another user', tokenFor('client2', { iss }), 'its sub is "client2", and not "client1"'],
    ['an empty user', tokenFor('', { iss }), 'its sub is "", and must not be empty'],
    ['no user', token({ iss, exp: secondsFromNow(60) }), 'it has no sub, which names the user'],
    [
      'another secret',
      token(
        { sub: 'client1', iss, exp: secondsFromNow(60) },
        {},
        'another secret of thirty-two bytes or more',
      ),
      'its signature is of another key, or it was changed',
    ],
    [
      'another algorithm',
      token({ sub: 'client1', iss, exp: secondsFromNow(60) }, { alg: 'none' }),
      'it is signed with "none", and the key that is configured goes with HS256',
    ],
    ['two parts', 'a.b', 'a token has three parts with dots between them, and this has 2'],
    ['a header that is none', 'a.b.c', 'its first part is not a JSON object in base64url'],
  ])('says of a token with %s exactly that', async (_, text, fault) => {
    const { code, stdout, stderr } = await run(
      ['token', 'check', text, '--access-id', 'client1'],
      ENVIRONMENT,
    );
    expect([code, stdout]).toEqual([EXIT.no, '']);
    expect(stderr.split('\n')[0]).toContain(`notifier: not right: ${fault}`);
  });

  test('shows nothing of it that a terminal would act on', async () => {
    const text = tokenFor('a\u001b[31m\nb', { iss });
    const { code, stderr } = await run(['token', 'check', text], ENVIRONMENT);
    expect(code).toBe(EXIT.no);
    expect(stderr.split('\n')[0]).toContain('"a\\u001b[31m\\nb"');
    expect(stderr).not.toContain('\u001b');
  });

  test('says everything at once', async () => {
    const text = tokenFor('client2', { exp: secondsFromNow(-60) });
    const { stderr } = await run(['token', 'check', text, '--access-id', 'client1'], ENVIRONMENT);
    for (const fault of ['expired', 'no iss', 'its sub is']) expect(stderr).toContain(fault);
  });

  test('keeps what it says of a JWKS that cannot be fetched out of its output', async () => {
    const listener = await OwnServer.listen();
    const { url } = listener;
    listener.close();
    const text = token({ sub: 'client1', exp: secondsFromNow(60) }, { alg: 'RS256' });
    const args = ['token', 'check', text, '--jwks-url', `${url}/keys`];
    const { code, stdout, stderr } = await run(args);
    expect({ code, stdout }).toEqual({ code: EXIT.no, stdout: '' });
    expect(stderr.split('\n').slice(0, 2)).toEqual([
      'the keys of tokens cannot be fetched: ECONNREFUSED',
      'notifier: not right: its key is not known, and the JWKS cannot be fetched',
    ]);
  });

  test('asks for a key where there is none, and for a better one where it is too short', async () => {
    expect((await run(['token', 'check', tokenFor('client1')])).code).toBe(EXIT.usage);
    expect((await run(['token', 'make', 'client1'])).code).toBe(EXIT.usage);
    const short = await file('short', 'secret');
    expect((await run(['token', 'make', 'client1', '--secret-file', short])).code).toBe(EXIT.data);
    expect((await run(['token', 'check', tokenFor('client1'), '--secret-file', short])).code).toBe(
      EXIT.config,
    );
  });
});
