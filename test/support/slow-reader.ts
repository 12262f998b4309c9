import { randomBytes } from 'node:crypto';
import { RawSocket } from './raw-socket.js';

/** RFC 6455, section 5.5.3: empty as the server's pings, and masked. */
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);

/** A subscriber that takes bytes and answers pings when it is told to. */
export class SlowReader {
  private mayTake = 0;

  private constructor(private readonly raw: RawSocket) {
    raw.socket.on('data', () => {
      if (this.taken >= this.mayTake) raw.pause();
    });
  }

  /** Subscribes and takes nothing yet. */
  static async subscribe(url: string, first: object): Promise<SlowReader> {
    const reader = await SlowReader.open(url, '/subscribe_to_events');
    reader.raw.write(maskedText(JSON.stringify(first)));
    return reader;
  }

  /** Opens a WebSocket, says nothing and takes nothing yet. */
  static async open(url: string, path: string): Promise<SlowReader> {
    const raw = await RawSocket.connect(url);
    const { host } = new URL(url);
    raw.write(
      `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    );
    await raw.until(({ statuses }) => statuses[0] === 101);
    raw.pause();
    return new SlowReader(raw);
  }

  /** Bytes that it has taken. */
  get taken(): number {
    return this.raw.socket.bytesRead;
  }

  get isCut(): boolean {
    return this.raw.isEnded || this.raw.isClosed;
  }

  /** Takes about `bytes`, or as many as there are. */
  sip(bytes: number): void {
    this.mayTake = this.taken + bytes;
    this.raw.resume();
  }

  /** Answers a ping. */
  pong(): void {
    this.raw.write(PONG);
  }

  destroy(): void {
    this.raw.destroy();
  }
}

/** A text frame as clients send it, for less than 126 bytes; the mask is zero. */
function maskedText(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}
