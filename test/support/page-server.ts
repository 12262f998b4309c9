import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A web site of an application: a few files, of an origin of its own. */
export class PageServer {
  private constructor(private readonly server: Server) {}

  /** @param file the content of a path, `undefined` where there is none */
  static async start(file: (path: string) => Promise<string | undefined>): Promise<PageServer> {
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url!, 'http://localhost');
      const type = pathname.endsWith('.js') ? 'text/javascript' : 'text/html; charset=utf-8';
      file(pathname).then(
        (content) =>
          response.writeHead(content === undefined ? 404 : 200, { 'Content-Type': type }).end(content),
        () => response.writeHead(500).end(),
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new PageServer(server);
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
