import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { builtEntry } from './support/build.js';
import { clientBundle } from './support/client-bundle.js';

const run = promisify(execFile);
const tsc = (...args: string[]) =>
  run(process.execPath, [resolve('node_modules/typescript/bin/tsc'), ...args]);

/** What an application writes, in the terms of its own platform. */
const APPLICATION = (client: string, WebSocket: string) => `
import { ClosedError, subscribe, type NotifierEvent, type SubscribeOptions } from '${client}';
const abort = new AbortController();
const subscription = subscribe<{ text: string }>('https://events.example.com', {
  accessId: 'client1', token: async () => 'token', since: 0, signal: abort.signal,
  storage: new Map<string, string>(), WebSocket: ${WebSocket},
  onStatus: ({ status, code }) => console.log(status, code), onGap: async () => {},
});
try {
  for await (const event of subscription) console.log(event.payload.text, event.id, event.created_at);
} catch (error) {
  if (error instanceof ClosedError) console.log(error.code, error.reason);
}
declare const props: { [option in keyof SubscribeOptions]: SubscribeOptions[option] | undefined };
subscribe('/events', { ...props, accessId: 'client1' }, (event: NotifierEvent) => console.log(event)).close();
`;

describe('the package of the client library', () => {
  let dir: string;

  beforeAll(async () => {
    dir = await mkdtemp(join(resolve('node_modules'), '.client-types-'));
  });
  afterAll(() => rm(dir, { recursive: true }));

  it('is less than 4 KB, minified and compressed', async () => {
    expect(gzipSync(await clientBundle()).length).toBeLessThan(4096);
  });

  it('is where package.json says, types included', async () => {
    await builtEntry();
    const { exports } = JSON.parse(await readFile('package.json', 'utf8')) as {
      exports: Record<string, Record<string, string>>;
    };
    const { types, default: module } = exports['./client']!;
    const loaded = (await import(resolve(module!))) as object;
    expect(Object.keys(loaded).toSorted()).toEqual(['ClosedError', 'subscribe']);
    expect(await readFile(resolve(types!), 'utf8')).toContain('export declare function subscribe');
  });

  it('imports nothing but its own files', async () => {
    const files = (await readdir('src/client')).filter((name) => /(?<!spec)\.ts$/.test(name));
    for (const file of files) {
      const text = await readFile(join('src/client', file), 'utf8');
      for (const [, from] of text.matchAll(/ from '(.*)'/g)) expect(from).toMatch(/^\.\/[a-z-]+\.js$/);
    }
  });

  it('compiles with neither the types of a browser nor those of Node', async () => {
    await tsc('-p', 'src/client/tsconfig.json');
  }, 120_000);

  it.each([
    ['a browser', '["es2022", "dom", "dom.iterable"]', '[]', 'WebSocket', ''],
    ['Node', '["es2022"]', '["node"]', 'Socket', `import { WebSocket as Socket } from 'ws';\n`],
  ])(
    'has types that fit those of %s',
    async (name, lib, types, WebSocket, imports) => {
      const client = join(dirname(await builtEntry()), 'client/client.js');
      const place = await mkdtemp(join(dir, `${name.replace(' ', '-')}-`));
      await writeFile(join(place, 'app.mts'), imports + APPLICATION(client, WebSocket));
      const options = `{ "module": "nodenext", "target": "es2022", "lib": ${lib}, "types": ${types}, "strict": true,
      "exactOptionalPropertyTypes": true, "skipLibCheck": ${name === 'Node'}, "noEmit": true, "rootDir": "/" }`;
      await writeFile(
        join(place, 'tsconfig.json'),
        `{ "compilerOptions": ${options}, "files": ["app.mts"] }`,
      );
      await expect(tsc('-p', place).catch(({ stdout }: { stdout: string }) => stdout)).resolves.toMatchObject(
        {
          stdout: '',
        },
      );
    },
    120_000,
  );
});
