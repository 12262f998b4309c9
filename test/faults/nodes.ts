import { freePort } from '../support/redis-server.js';
import { spawnServer, type ServerProcess } from '../support/start-server.js';
import { eventually } from '../support/wait.js';
import { get } from '../support/http.js';

/**
 * Loaded into each node before it starts: with every SIGUSR2 its clock jumps, one hour ahead, back, one hour behind, back. Timers and
 * `performance.now()` go on as ever, as they do when a machine's clock is set.
 */
const CLOCK = `
  const Real = Date;
  const offsets = [0, 3600000, 0, -3600000];
  let jumps = 0;
  const now = () => Real.now() + offsets[jumps % 4];
  globalThis.Date = class Date extends Real {
    constructor(...args) {
      if (args.length === 0) super(now());
      else super(...args);
    }
    static now() {
      return now();
    }
  };
  process.on('SIGUSR2', () => jumps++);
`;

const PRELOAD = `--import=data:text/javascript,${encodeURIComponent(CLOCK)}`;

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
    const own = { PORT: String(this.port), NODE_OPTIONS: PRELOAD };
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
    this.server?.signal('SIGUSR2');
  }
}
