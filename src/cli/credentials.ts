import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { causeOf } from '../cause.js';
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';

/** Which server, and what to show it. */
export interface ServerOptions {
  readonly url: string;
  readonly apiKey?: string;
  readonly apiKeyFile?: string;
}

const DEFAULT_URL = 'http://127.0.0.1:8080';

/** The flag that names the server. */
export function withUrl(command: Command): Command {
  return command.option('--url <url>', 'the server', DEFAULT_URL);
}

/** The flags of whoever talks to a server as a connector. */
export function withServer(command: Command): Command {
  return withUrl(command)
    .option('--api-key-file <file>', 'where the API key is, if the server wants one')
    .option('--api-key <key>', 'the key itself; other users of this machine can see it');
}

/** What a header can carry, and the server takes for a key. */
const API_KEY = /^[\x21-\x7e]+$/;

/** @throws Failure */
export function apiKeyOf({ apiKey, apiKeyFile }: ServerOptions): string | undefined {
  const key = apiKeyFile === undefined ? apiKey : readSecret(apiKeyFile);
  if (key === undefined || API_KEY.test(key)) return key;
  const place = apiKeyFile === undefined ? 'what --api-key says' : apiKeyFile;
  throw new Failure(
    EXIT.refused,
    `${place} is no API key: it must be printable ASCII without white space`,
    'one key alone: not a list of them, and not name:key:scope, as NOTIFIER_API_KEYS has them',
  );
}

/** What may be left of the URL that a client or a connector is configured with. */
const ENDPOINT = /\/(subscribe_to_events|push_events)?\/?$/;

/** The URL of a path of the server, below the path at which a proxy has it. @throws Failure where what was given is no URL of a server */
export function urlOf({ url }: Pick<ServerOptions, 'url'>, path: string): URL {
  if (!/^(https?|wss?):\/\//.test(url) || !URL.canParse(url)) {
    throw new Failure(EXIT.usage, `--url is not the URL of a server: ${url}`, `such as ${DEFAULT_URL}`);
  }
  const place = new URL(url.replace(/^ws/, 'http'));
  place.search = place.hash = '';
  // Not resolved against it: a path that begins with two slashes would name another host.
  place.pathname = `${place.pathname.replace(ENDPOINT, '')}${path}`;
  return place;
}

/** What a file holds, without the line's end that editors leave. @throws Failure */
export function readSecret(path: string): string {
  return readText(path).trim();
}

/** @throws Failure */
export function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(path, error);
  }
}

export function unreadable(path: string, error: unknown): Failure {
  return new Failure(
    EXIT.noInput,
    `${path} cannot be read: ${causeOf(error)}`,
    'does it exist, and may you read it?',
  );
}
