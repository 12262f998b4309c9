import { causeOf } from '../cause.js';
import { apiKeyOf, urlOf, type ServerOptions } from './credentials.js';
import { EXIT } from './exit-codes.js';
import { certificateHint, Failure } from './failure.js';

/** Longer than any answer takes: the store's own limit is 2 s. */
const ANSWER_MS = 15_000;

interface Asking {
  readonly method?: 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A server's HTTP side, as connectors see it. */
export class Server {
  private readonly headers: Record<string, string>;

  constructor(private readonly options: ServerOptions) {
    const key = apiKeyOf(options);
    this.headers = key === undefined ? {} : { Authorization: `Bearer ${key}` };
  }

  /** @throws Failure */
  get(path: string, query: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const url = urlOf(this.options, path);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return this.ask(url, {});
  }

  /** @throws Failure */
  post(path: string, body: unknown): Promise<unknown> {
    const headers = { 'Content-Type': 'application/json' };
    return this.ask(urlOf(this.options, path), { method: 'POST', headers, body: JSON.stringify(body) });
  }

  private async ask(url: URL, init: Asking): Promise<unknown> {
    const headers = { ...this.headers, ...init.headers };
    const response = await fetch(url, { ...init, headers, signal: AbortSignal.timeout(ANSWER_MS) }).catch(
      (error: unknown) => {
        throw unreachable(url, error);
      },
    );
    const answer: unknown = await response.json().catch(() => undefined);
    if (response.ok && answer !== undefined) return answer;
    const { message } = (answer ?? {}) as { message?: unknown };
    if (typeof message !== 'string') throw notNotifier(url, response.status);
    throw refusal(response.status, message);
  }
}

export function unreachable(url: URL, error: unknown): Failure {
  const why = causeOf(error);
  const hint =
    certificateHint(why) ?? 'is it running? start one with: notifier serve; name another one with --url';
  return new Failure(EXIT.unavailable, `cannot reach ${url.origin}: ${why}`, hint);
}

function notNotifier(url: URL, status: number): Failure {
  const message = `${url.origin} answers ${status}, and not as a notifier`;
  return new Failure(EXIT.unavailable, message, 'is --url right, and is a proxy in front of it up?');
}

/** What the server said no to, in its words. */
export function refusal(status: number, message: string): Failure {
  if (status === 401) {
    return new Failure(EXIT.refused, message, 'name the file that holds an API key: --api-key-file');
  }
  if (status === 403) {
    return new Failure(
      EXIT.refused,
      message,
      'the key needs that scope (push, drop, read) in NOTIFIER_API_KEYS',
    );
  }
  // Every path that is asked for is one of a notifier: the server is below another one, or above.
  if (status === 404) return new Failure(EXIT.unavailable, message, 'is the path in --url right?');
  if (status === 429 || status >= 500) {
    return new Failure(EXIT.unavailable, `${status}: ${message}`, 'try again later');
  }
  return new Failure(EXIT.data, message, 'correct it and try again');
}
