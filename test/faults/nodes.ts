import { freePort } from '../support/redis-server.js';
import { startServer, type ServerProcess } from '../support/start-server.js';

/** A process's clock, one hour ahead. */
const AHEAD = '--import=data:text/javascript,const%20now=Date.now;Date.now=()=%3Enow.call(Date)%2B3600000';

/** One notifier node that is started, killed and stopped; its address stays. */
export class FaultyNode {
  private server: ServerProcess | undefined;

  private constructor(
    private readonly port: number,
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  static async start(environment: Readonly<Record<string, string>>): Promise<FaultyNode> {
    const node = new FaultyNode(await freePort(), environment);
    await node.start();
    return node;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(isAhead = false): Promise<void> {
    const ahead: Record<string, string> = isAhead ? { NODE_OPTIONS: AHEAD } : {};
    this.server = await startServer({ PORT: String(this.port), ...this.environment, ...ahead });
  }

  async kill(): Promise<void> {
    await this.server?.kill();
  }

  async stop(): Promise<void> {
    await this.server?.stop();
  }

  freeze(): void {
    this.server?.signal('SIGSTOP');
  }

  thaw(): void {
    this.server?.signal('SIGCONT');
  }
}
