/**
 * What this library needs of a browser or of Node, and no more: it compiles against neither's type library, and brings neither
 * with it. Real ones fit these shapes.
 */
export interface Platform {
  readonly WebSocket?: WebSocketConstructor;
  readonly fetch: (url: string, init: FetchInit) => Promise<FetchResponse>;
  readonly location?: { readonly href: string };
  readonly document?: Listening & { readonly visibilityState: string };
  readonly addEventListener?: Listening['addEventListener'];
  readonly removeEventListener?: Listening['removeEventListener'];
  readonly URL: new (url: string, base?: string) => ParsedUrl;
  readonly AbortController: new () => { readonly signal: Signal; abort(): void };
  readonly TextDecoder: new () => { decode(bytes: unknown, options: { stream: boolean }): string };
  readonly console: { error(text: string): void };
  readonly atob: (text: string) => string;
  readonly setTimeout: (action: () => void, ms: number) => Timer;
  readonly clearTimeout: (timer: Timer | undefined) => void;
}

/** A number in browsers, an object in Node. */
export type Timer = { readonly timer: unique symbol };

export interface Listening {
  addEventListener(type: string, listener: (event: object) => void): void;
  removeEventListener(type: string, listener: (event: object) => void): void;
}

/** An `AbortSignal`. */
export interface Signal extends Listening {
  readonly aborted: boolean;
}

export interface WebSocketLike {
  addEventListener(type: string, listener: (event: object) => void): void;
  send(text: string): void;
  close(): void;
}

/** The `WebSocket` of a browser, of Node from 22 on, or of the package `ws`. */
export type WebSocketConstructor = new (url: string) => WebSocketLike;

interface ParsedUrl {
  href: string;
  pathname: string;
  protocol: string;
  readonly searchParams: { set(name: string, value: string): void };
}

interface FetchInit {
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: Signal;
  readonly cache: 'no-store';
}

interface FetchResponse {
  readonly status: number;
  readonly body: { getReader(): StreamReader } | null;
  json(): Promise<unknown>;
}

interface StreamReader {
  read(): Promise<{ readonly done: boolean; readonly value?: unknown }>;
}

export const platform = globalThis as unknown as Platform;
