import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A request as it arrived. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** An HTTP server of a test's own, which answers as the test says at that moment. */
export class OwnServer {
  readonly asked: Asked[] = [];
  /** Requests that have no answer yet. */
  open = 0;
  mostOpen = 0;
  answer: (response: ServerResponse, asked: Asked) => void = (response) => response.end();
  private readonly server = createServer((request, response) => void this.hear(request, response));

  static async listen(): Promise<OwnServer> {
    const own = new OwnServer();
    // A test that fails before it closes it does not keep the process of the tests.
    own.server.listen(0, '127.0.0.1').unref();
    await once(own.server, 'listening');
    return own;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async hear(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.mostOpen = Math.max(this.mostOpen, ++this.open);
    response.once('close', () => this.open--);
    const { method = '', url: path = '', headers } = request;
    const asked = { method, path, headers, body: await text(request) };
    this.asked.push(asked);
    this.answer(response, asked);
  }
}
