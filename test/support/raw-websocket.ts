import { CLOSE, readFrames, TEXT, type ReceivedFrame } from './raw-frames.js';
import { flawedToken, type TokenFlaw } from './tokens.js';
import { RawSocket } from './raw-socket.js';

const HEADER_END = '\r\n\r\n';

/** Headers of a handshake; null leaves one out, MANY adds so many of no meaning. */
export type HandshakeHeaders = Readonly<Record<string, string | number | null | { readonly jwt: TokenFlaw }>>;

/** A WebSocket by hand, for frames that no library sends. */
export class RawWebSocket {
  private constructor(readonly raw: RawSocket) {}

  /** Sends the handshake and, in the same write, `early`; waits for the answer. */
  static async open(
    url: string,
    path: string,
    headers: HandshakeHeaders,
    early: Buffer = Buffer.alloc(0),
  ): Promise<RawWebSocket> {
    const socket = new RawWebSocket(await RawSocket.connect(url));
    socket.raw.write(Buffer.concat([handshake(url, path, headers), early]));
    await socket.raw.until(({ isClosed, isEnded }) => isClosed || isEnded || socket.headerEnd >= 0);
    return socket;
  }

  /** The status of the answer to the handshake; undefined where there was none. */
  get status(): number | undefined {
    return this.raw.statuses[0];
  }

  get frames(): ReceivedFrame[] {
    return this.headerEnd < 0 ? [] : readFrames(this.raw.received.subarray(this.headerEnd));
  }

  get texts(): string[] {
    return this.frames.filter(({ op }) => op === TEXT).map(({ data }) => data.toString());
  }

  /** The server's close code; 1005 where it names none, 1006 where the connection ended without one. */
  get closeCode(): number | undefined {
    const close = this.frames.find(({ op }) => op === CLOSE);
    if (close) return close.data.length < 2 ? 1005 : close.data.readUInt16BE(0);
    return this.raw.isEnded || this.raw.isClosed ? 1006 : undefined;
  }

  get closeReason(): Buffer {
    return this.frames.find(({ op }) => op === CLOSE)?.data.subarray(2) ?? Buffer.alloc(0);
  }

  write(bytes: Buffer): void {
    this.raw.write(bytes);
  }

  async closed(deadlineMs?: number): Promise<number> {
    await this.raw.until(() => this.closeCode !== undefined, deadlineMs);
    return this.closeCode!;
  }

  destroy(): void {
    this.raw.destroy();
  }

  private get headerEnd(): number {
    const at = this.raw.received.indexOf(HEADER_END);
    return at < 0 ? -1 : at + HEADER_END.length;
  }
}

function handshake(url: string, path: string, { MANY = 0, ...headers }: HandshakeHeaders): Buffer {
  const all = {
    Host: new URL(url).host,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== null);
  const many = Array.from({ length: Number(MANY) }, (_, i) => [`X-${i}`, 'x']);
  const text = [...lines, ...many].map(([name, value]) => `${name}: ${valueOf(value)}`);
  return Buffer.from([`GET ${path} HTTP/1.1`, ...text].join('\r\n') + HEADER_END);
}

function valueOf(value: HandshakeHeaders[string] | undefined): string {
  return typeof value === 'object' && value !== null ? `Bearer ${flawedToken(value.jwt)}` : String(value);
}
