/** How long an answer may take before the server counts as gone. */
const ANSWER_MS = 8000;

const KEY = 'notifier-api-key';

/** The API key, kept for this tab only. */
export const apiKey = {
  get: (): string | null => sessionStorage.getItem(KEY),
  set: (key: string): void => sessionStorage.setItem(KEY, key),
  forget: (): void => sessionStorage.removeItem(KEY),
};

/** The server's own refusal. Anything else that is thrown means that there was no answer. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** @throws Refused */
export function get<Answer>(
  path: string,
  query: Readonly<Record<string, string | undefined>> = {},
): Promise<Answer> {
  const given = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const search = new URLSearchParams(given).toString();
  return request<Answer>(search === '' ? path : `${path}?${search}`, {});
}

/** @throws Refused */
export function post<Answer>(path: string, body: string): Promise<Answer> {
  return request<Answer>(path, { method: 'POST', body, headers: { 'Content-Type': 'application/json' } });
}

/** Relative to `/console`, wherever a proxy has put that. */
async function request<Answer>(path: string, init: RequestInit): Promise<Answer> {
  const headers = new Headers(init.headers);
  const key = apiKey.get();
  if (key !== null) headers.set('Authorization', `Bearer ${key}`);
  const signal = AbortSignal.timeout(ANSWER_MS);
  const response = await fetch(path, { ...init, headers, signal, cache: 'no-store' });
  if (response.ok) return (await response.json()) as Answer;
  throw await refusal(response);
}

/** A proxy in front answers for a server that is gone: that is no refusal of its own. */
async function refusal(response: Response): Promise<Error> {
  const body = (await response.json().catch(() => ({}))) as { message?: unknown };
  if (typeof body.message !== 'string') return new Error(`${response.status}`);
  return new Refused(response.status, body.message);
}

/** What went wrong, in a sentence for whoever pressed a button. */
export function inWords(error: unknown): string {
  if (!(error instanceof Refused)) return 'The server does not answer.';
  const { message } = error;
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
}
