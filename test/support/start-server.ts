import { spawn, type ChildProcess } from 'node:child_process';
import { builtEntry } from './build.js';
import { remember } from './children.js';
import { DEADLINE_MS, Waiters } from './wait.js';

const START_LINE = /^notifier listening on (\S+) \(store: (\S+)\)$/m;

/** How a process ended: one of the two is null. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The built server as a process of its own. */
export class ServerProcess {
  stdout = '';
  stderr = '';
  exit: Exit | undefined;
  private readonly waiters = new Waiters();

  constructor(private readonly child: ChildProcess) {
    child.stdout!.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString();
      this.waiters.changed();
    });
    child.stderr!.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    // 'close' and not 'exit': by then all of its output has arrived.
    child.once('close', (code, signal) => {
      this.exit = { code, signal };
      this.waiters.changed();
    });
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** As the start line names it. */
  get url(): string {
    return START_LINE.exec(this.stdout)?.[1] ?? '';
  }

  /** As the start line names it. */
  get store(): string {
    return START_LINE.exec(this.stdout)?.[2] ?? '';
  }

  get isAlive(): boolean {
    return this.exit === undefined;
  }

  /** @throws Error with what it said where it ends instead */
  async listening(deadlineMs = DEADLINE_MS): Promise<void> {
    await this.waiters.until(
      () => this.url !== '' || !this.isAlive,
      () => `no start line; ${this.stderr}`,
      deadlineMs,
    );
    if (this.url === '')
      throw new Error(`the server ended with ${JSON.stringify(this.exit)}: ${this.stderr}`);
  }

  async exited(): Promise<Exit> {
    await this.waiters.until(
      () => !this.isAlive,
      () => `process ${this.pid} runs; ${this.stderr}`,
    );
    return this.exit!;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Asks it to go, and waits until it has. */
  stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    if (this.isAlive) this.signal(signal);
    return this.exited();
  }

  /** Ends it at once, and waits until it has ended. */
  kill(): Promise<Exit> {
    return this.stop('SIGKILL');
  }
}

const DEFAULTS = { PORT: '0', NOTIFIER_STORE: 'memory', NOTIFIER_SHUTDOWN_DELAY: '0' };

/** Replaces itself by the server, under a limit on the size of files: writing beyond it is an I/O error (EFBIG). */
const LIMITED = 'ulimit -f "$1"; shift; exec "$@"';

/**
 * Starts the built program. Nothing of this process's settings reaches it.
 *
 * @param environment over: any port, memory, no shutdown delay
 * @param maxFileKiB how large a file it may write
 * @param launcher a command that runs the one that follows it
 */
export async function spawnServer(
  environment: Readonly<Record<string, string>> = {},
  maxFileKiB?: number,
  launcher: readonly string[] = [],
): Promise<ServerProcess> {
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  const own = Object.entries(inherited).filter(([name]) => !/^(NOTIFIER_|PORT$|HOST$)/.test(name));
  const env = { ...Object.fromEntries(own), ...DEFAULTS, ...environment };
  const server = [...launcher, process.execPath, await builtEntry()];
  const limited = ['bash', '-c', LIMITED, 'bash', String(maxFileKiB), ...server];
  const [command, ...args] = maxFileKiB === undefined ? server : limited;
  return new ServerProcess(remember(spawn(command!, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })));
}

/** Starts the built program and waits for its start line. */
export async function startServer(
  environment: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const server = await spawnServer(environment);
  try {
    await server.listening();
    return server;
  } catch (error) {
    // Nobody else could end it.
    await server.kill();
    throw error;
  }
}
