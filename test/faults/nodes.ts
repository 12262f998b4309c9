import { freePort } from '../support/redis-server.js';
import { JUMP, SETTABLE_CLOCK } from '../support/settable-clock.js';
import { spawnServer, type ServerProcess } from '../support/start-server.js';
import { eventually } from '../support/wait.js';
import { get } from '../support/http.js';

/** Under load, on a machine that does something else too. */
const START_MS = 60_000;

/** One notifier node that is started, killed, stopped and misled; its address stays. */
export class FaultyNode {
  /** Whether it is being kept from running. */
  isFrozen = false;
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

  /** Starts it and waits until it is ready, or clearly cannot be now. */
  async start(): Promise<void> {
    const own = { PORT: String(this.port), NODE_OPTIONS: SETTABLE_CLOCK };
    this.server = await spawnServer({ ...own, ...this.environment });
    await this.server.listening(START_MS);
    await eventually(() => this.isReady(), `${this.url} is ready`, START_MS).catch(() => undefined);
  }

  private isReady(): Promise<boolean> {
    return get(this.url, '/health/ready').then(
      ({ status }) => status === 200,
      () => false,
    );
  }

  async kill(): Promise<void> {
    await this.server?.kill();
  }

  async stop(): Promise<void> {
    await this.server?.stop();
  }

  freeze(): void {
    this.isFrozen = true;
    this.server?.signal('SIGSTOP');
  }

  thaw(): void {
    this.isFrozen = false;
    this.server?.signal('SIGCONT');
  }

  /** Sets its clock: one hour ahead, back, one hour behind, back. */
  jumpClock(): void {
    this.server?.signal(JUMP);
  }
}
