import { spawn, type ChildProcess } from 'node:child_process';
import { dirname, join } from 'node:path';
import { afterAll } from '@jest/globals';
import { builtEntry } from './build.js';
import { Waiters } from './wait.js';

/** How a command ended, and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const running = new Set<ChildProcess>();

// A test that fails in the middle leaves none of them behind, which would keep the process of the tests.
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});

export type Environment = Readonly<Record<string, string>>;

/** The built command line as a process, on pipes. */
export class CommandProcess {
  stdout = '';
  stderr = '';
  code: number | null | undefined;
  private readonly waiters = new Waiters();

  constructor(private readonly child: ChildProcess) {
    child.stdout!.on('data', (chunk: Buffer) => this.hear('stdout', chunk));
    child.stderr!.on('data', (chunk: Buffer) => this.hear('stderr', chunk));
    child.stdin!.on('error', () => undefined);
    running.add(child);
    child.once('close', (code) => {
      running.delete(child);
      this.code = code;
      this.waiters.changed();
    });
  }

  /** What it printed, line by line, each of them JSON. */
  get events(): { id: string; created_at: number; payload: unknown }[] {
    const lines = this.stdout.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as { id: string; created_at: number; payload: unknown });
  }

  write(text: string): this {
    this.child.stdin!.write(text);
    return this;
  }

  end(text = ''): this {
    this.child.stdin!.end(text);
    return this;
  }

  /** Closes this end of the pipe that the command writes to. */
  stopReading(): void {
    this.child.stdout!.destroy();
  }

  signal(signal: NodeJS.Signals): this {
    this.child.kill(signal);
    return this;
  }

  until(condition: (command: this) => boolean): Promise<void> {
    return this.waiters.until(
      () => condition(this),
      () => `${this.stdout}\n${this.stderr}`,
    );
  }

  async ended(): Promise<Ended> {
    await this.until(({ code }) => code !== undefined);
    return { code: this.code!, stdout: this.stdout, stderr: this.stderr };
  }

  private hear(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    this[stream] += chunk.toString();
    this.waiters.changed();
  }
}

/** Starts `notifier …`. Nothing of this process's settings reaches it. */
export async function command(
  args: readonly string[],
  environment: Environment = {},
): Promise<CommandProcess> {
  const program = join(dirname(await builtEntry()), 'cli/notifier.js');
  const env = { ...cleanEnvironment(), ...environment };
  return new CommandProcess(spawn(process.execPath, [program, ...args], { env }));
}

/** Runs `notifier …` to its end. */
export async function run(
  args: readonly string[],
  environment: Environment = {},
  input = '',
): Promise<Ended> {
  return (await command(args, environment)).end(input).ended();
}

/** Settings of a test runner, of npm, and of a server. */
const OWN = /^(NOTIFIER_|npm_|NODE_OPTIONS$|PORT$|HOST$|NO_COLOR$|FORCE_COLOR$)/i;

/** This process's environment without what is meant for it alone. */
export function cleanEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).filter(([name]) => !OWN.test(name));
  return Object.fromEntries(entries) as Record<string, string>;
}
