import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { DivertibleRequest } from './divertible-request.js';
import type { KnownHead } from './known-head.js';

/** A request that no parser has read: one of its connection's after the other, with a head that is known. */
export class RepeatedRequest extends DivertibleRequest {
  constructor(
    socket: Socket,
    private readonly head: KnownHead,
  ) {
    super(socket);
    const { request } = head;
    this.method = request.method!;
    this.url = request.url!;
    this.httpVersion = request.httpVersion;
    this.httpVersionMajor = request.httpVersionMajor;
    this.httpVersionMinor = request.httpVersionMinor;
    this.rawHeaders = [...request.rawHeaders];
    this.headers = { ...request.headers };
    this.complete = true;
  }

  /** @returns whether it is the next one now: not if `bytes` are anything but one whole request with its head */
  become(bytes: Buffer): boolean {
    const { rawHeaders, headers, head } = this;
    const found = head.read(bytes);
    if (!found) return false;
    for (let i = 0; i < found.values.length; i++) {
      rawHeaders[head.places[i]!] = found.values[i]!;
      headers[head.names[i]!] = found.values[i]!;
    }
    this.whole = found.body;
    return true;
  }

  /** Whether another one is whole and says the same. */
  isLike({ complete, method, url, httpVersion, rawHeaders }: IncomingMessage): boolean {
    return (
      complete &&
      method === this.method &&
      url === this.url &&
      httpVersion === this.httpVersion &&
      rawHeaders.join('\n') === this.rawHeaders.join('\n')
    );
  }
}
