import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A TCP proxy that can be cut: what is under way is lost, and nobody gets through until it is mended. */
export class Proxy {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private isCut = false;
  private isStalled = false;

  private constructor(private readonly target: number) {
    this.server = createServer((inbound) => this.join(inbound));
  }

  static async to(port: number): Promise<Proxy> {
    const proxy = new Proxy(port);
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Resets all connections and refuses new ones. */
  cut(): void {
    this.isCut = true;
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  /** Swallows whatever is sent, without a word: a network that has lost its way. */
  stall(): void {
    this.isStalled = true;
  }

  /** Lets everybody through. Connections that lost something are reset. */
  mend(): void {
    if (this.isStalled) for (const socket of this.sockets) socket.resetAndDestroy();
    this.isCut = false;
    this.isStalled = false;
  }

  async close(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(inbound: Socket): void {
    if (this.isCut) return void inbound.resetAndDestroy();
    const outbound = connect(this.target, '127.0.0.1');
    for (const [from, to] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      this.sockets.add(from);
      from.on('data', (chunk) => {
        if (!this.isStalled) to.write(chunk);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        this.sockets.delete(from);
        to.destroy();
      });
    }
  }
}
