import { access, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type ConfigError, readConfig } from '../src/config.js';
import { ALLOWED_METHODS } from '../src/http/routes.js';
import { CLOSE_CODES } from '../src/wire/close-codes.js';
import { get } from './support/http.js';
import { Provoked } from './support/provoked.js';

const ROOT = join(import.meta.dirname, '..');

const read = (path: string) => readFile(join(ROOT, path), 'utf8');

/** What stands in backticks first in a cell; the cell itself where nothing does. */
const code = (cell: string) => /`([^`]*)`/.exec(cell)?.[1] ?? cell;

/** The rows of the Markdown table whose first column has that heading, cell by cell. */
function table(markdown: string, heading: string): string[][] {
  const lines = markdown.split('\n');
  const start = lines.findIndex((line) => line.startsWith('|') && cells(line)[0] === heading);
  const end = lines.findIndex((line, i) => i > start && !line.startsWith('|'));
  return lines.slice(start + 2, end).map(cells);
}

function cells(line: string): string[] {
  return line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());
}

describe('the close codes of docs/protocol.md', () => {
  /** Sent by the WebSocket library, for reasons of RFC 6455. */
  const OF_THE_LIBRARY = ['1002', '1007', '1008', '1009'];

  test('are those that the server sends, each with the words that its reason begins with', async () => {
    const rows = table(await read('docs/protocol.md'), 'code').map(([number, reason]) => [
      number,
      code(reason!),
    ]);
    const own = rows.filter(([number]) => !OF_THE_LIBRARY.includes(number!));
    expect(Object.fromEntries(own.map(([number, reason]) => [reason, Number(number)]))).toEqual(CLOSE_CODES);
    expect(rows).toHaveLength(Object.keys(CLOSE_CODES).length + OF_THE_LIBRARY.length);
  });
});

/** The names of all settings, as the configuration's own source has them. */
async function settings(): Promise<Set<string>> {
  const files = (await readdir(join(ROOT, 'src/config'))).filter((file) => !file.endsWith('.spec.ts'));
  const sources = await Promise.all(
    ['src/config.ts', ...files.map((file) => `src/config/${file}`)].map(read),
  );
  const names = sources.join().matchAll(/'(NOTIFIER_[A-Z_]*[A-Z]|OTEL_[A-Z_]+|PORT|HOST)'/g);
  return new Set([...names].map((match) => match[1]!));
}

describe('the settings', () => {
  const namesIn = async (path: string) =>
    new Set(table(await read(path), 'variable').map(([name]) => code(name!)));

  test('stand in docs/protocol.md, every one that the server reads, and no other', async () => {
    expect(await namesIn('docs/protocol.md')).toEqual(await settings());
  });

  test('of README.md are some of them', async () => {
    const all = await settings();
    const named = [...(await namesIn('README.md'))];
    expect(named.filter((name) => !all.has(name))).toEqual([]);
    expect(named).toContain('NOTIFIER_STORE');
  });
});

describe.each(['README.md', 'docs/protocol.md'])('the configuration table of %s', (path) => {
  /** Without a key there must be no rules for tokens, not even the default ones. */
  const WITH_KEY = { NOTIFIER_JWT_SECRET: 'a-secret-of-at-least-32-characters' };

  let rows: [name: string, value: string][];

  beforeAll(async () => {
    rows = table(await read(path), 'variable').map(([name, value]) => [code(name!), code(value!)]);
  });

  test('has the defaults that count where nothing is set', () => {
    const configOf = (environment: Record<string, string>) => {
      // A Redis that is set and not used is warned about, whichever it is.
      const { warnings: _, ...config } = readConfig({ ...WITH_KEY, ...environment });
      return JSON.stringify(config);
    };
    const defaults = configOf({});
    for (const [name, value] of rows.filter(([, value]) => value !== 'unset')) {
      expect([name, configOf({ [name]: value })]).toEqual([name, defaults]);
    }
  });

  test('says unset of what may be left out', () => {
    const names = rows.filter(([, value]) => value === 'unset').map(([name]) => name);
    expect(() => readConfig(Object.fromEntries(names.map((name) => [name, ''])))).not.toThrow();
  });
});

/** What the server says a number must be from and to; absent for what is no number. */
function range(name: string): string | undefined {
  try {
    readConfig({ [name]: 'nonsense' });
  } catch (error) {
    return / from (\d+ to \d+)$/m.exec((error as ConfigError).message)?.[1];
  }
  return undefined;
}

describe('the ranges of the configuration table of docs/protocol.md', () => {
  test('are those that the messages give', async () => {
    const rows = table(await read('docs/protocol.md'), 'variable');
    const written = rows.map(([name, , meaning]) => [code(name!), / \((\d+ to \d+)\)$/.exec(meaning!)?.[1]]);
    expect(written).toEqual(written.map(([name]) => [name, range(name!)]));
    expect(written.filter(([, numbers]) => numbers !== undefined)).toHaveLength(20);
  });
});

describe('the requests of docs/protocol.md', () => {
  test('are those that the server has', async () => {
    const requests = table(await read('docs/protocol.md'), 'request').map(([request]) => code(request!));
    const paths = requests.map((request) => request.split('?')[0]);
    const routes = Object.entries(ALLOWED_METHODS).map(
      ([path, methods]) => `${methods.split(',')[0]} ${path}`,
    );
    expect(new Set(paths)).toEqual(new Set(routes));
  });
});

describe('the statuses of docs/protocol.md', () => {
  let servers: Provoked;

  beforeAll(async () => {
    servers = await Provoked.start();
  });

  afterAll(() => servers.close());

  test('are those that the server answers with', async () => {
    const statuses = table(await read('docs/protocol.md'), 'status').map(([status]) => Number(status));
    expect(statuses).toEqual(servers.statuses.map(({ status }) => status));
    for (const { status, request } of servers.statuses) expect((await request()).status).toBe(status);
  });

  test('come with the headers that say what to do', async () => {
    const { url } = servers;
    expect((await servers.wrongMethod()).headers.allow).toBe('POST');
    expect((await get(url, '/subscribe_to_events')).headers.upgrade).toBe('websocket');
    expect((await servers.pushWithoutKey()).headers['www-authenticate']).toBe('Bearer');
    expect((await servers.pushAfterTooMany()).headers['retry-after']).toMatch(/^\d+$/);
    expect((await get(url, '/clients', { Host: 'example.com' })).status).toBe(403);
    expect((await servers.pushWhileEnding()).headers['retry-after']).toMatch(/^\d+$/);
  });
});

describe('the dependencies page', () => {
  test('has a line for every dependency, and for no other', async () => {
    const { dependencies, peerDependencies, devDependencies } = JSON.parse(
      await read('package.json'),
    ) as Record<string, object>;
    const page = await read('docs/decisions/0007-dependencies.md');
    const named = [...page.matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1]!);
    const optional = Object.keys(peerDependencies!);
    const development = Object.keys(devDependencies!).filter((name) => !optional.includes(name));
    expect(named).toEqual([...Object.keys(dependencies!), ...optional, ...development]);
  });
});

describe('the threat model', () => {
  test('names a test for each row, and tests and cases that are there', async () => {
    const cells = table(await read('SECURITY.md'), 'who').map((row) => row[3]!);
    for (const cell of cells) expect(cell).toMatch(/`(test|src)\//);
    const files = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!));
    for (const file of files) await expect(access(join(ROOT, file))).resolves.toBeUndefined();
    const texts = await Promise.all(['test/bad-inputs.json', 'test/more-bad-inputs.json'].map(read));
    const known = texts.flatMap((text) => JSON.parse(text) as { id: string }[]).map(({ id }) => id);
    const ids = cells.flatMap((cell) => cell.match(/\b[A-Z]\d{3}\b/g) ?? []);
    expect(known).toEqual(expect.arrayContaining(ids));
  });
});

describe('the links of the documents', () => {
  test('lead to files that are there', async () => {
    const paths = (await readdir(ROOT)).concat(
      (await readdir(join(ROOT, 'docs'), { recursive: true })).map((path) => join('docs', path)),
    );
    for (const path of paths.filter((path) => path.endsWith('.md'))) {
      const links = [...(await read(path)).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((match) => match[1]!);
      for (const link of links)
        await expect(access(join(ROOT, dirname(path), link))).resolves.toBeUndefined();
    }
  });
});
