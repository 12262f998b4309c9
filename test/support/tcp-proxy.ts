import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** What stands between a client and the server, and can be cut. */
export class TcpProxy {
  /** While true, what comes from the server goes nowhere, and nobody is told. */
  isSilent = false;
  /** While true, WebSocket handshakes are answered as by a proxy that knows none. */
  refusesUpgrades = false;
  /** While true, whoever connects is cut at once. */
  isDown = false;
  /** Chunks that came from the server and were passed on. */
  relayed = 0;

  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private target: string,
  ) {}

  /** @param target the server's URL */
  static async start(target: string): Promise<TcpProxy> {
    const server = createServer();
    const proxy = new TcpProxy(server, target);
    server.on('connection', (client) => proxy.accept(client));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** From now on, connections go to another server. */
  leadTo(target: string): void {
    this.target = target;
  }

  /** Cuts every connection, in both directions. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  close(): void {
    this.cut();
    this.server.close();
  }

  private accept(client: Socket): void {
    if (this.isDown) return void client.destroy();
    const server = connect(Number(new URL(this.target).port), '127.0.0.1');
    this.keep(client, server);
    this.keep(server, client);
    client.on('data', (chunk: Buffer) => {
      if (this.refusesUpgrades && /^upgrade: websocket/im.test(chunk.toString('latin1'))) {
        client.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      } else server.write(chunk);
    });
    server.on('data', (chunk: Buffer) => {
      if (this.isSilent) return;
      this.relayed++;
      client.write(chunk);
    });
  }

  private keep(socket: Socket, other: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.sockets.delete(socket);
      // A silent network does not tell of an end either.
      if (!this.isSilent) other.destroy();
    });
  }
}
