import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { eventually } from './wait.js';

const PROGRAMS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--remote-debugging-port=0',
];

/** Its first start reads some 300 MB from the disk, on a busy machine in 20 s and more: for the hooks that launch it. */
export const LAUNCH_MS = 120_000;

const DEVTOOLS = /DevTools listening on (\S+)/;

interface Reply {
  readonly id?: number;
  readonly error?: { readonly message: string };
  readonly result: Readonly<Record<string, unknown>>;
}

/**
 * A real Chromium, driven by its own protocol (https://chromedevtools.github.io/devtools-protocol). The common drivers keep every page
 * visible and awake; here tabs are hidden and frozen as in a user's hands.
 */
export class Chromium {
  private lastId = 0;
  private readonly waiting = new Map<number, (reply: Reply) => void>();

  private constructor(
    private readonly process: ChildProcess,
    private readonly socket: WebSocket,
    private readonly profile: string,
    /** Where another driver may connect. */
    readonly endpoint: string,
  ) {
    socket.on('message', (data: Buffer) => {
      const reply = JSON.parse(data.toString()) as Reply;
      if (reply.id !== undefined) this.waiting.get(reply.id)?.(reply);
    });
  }

  /** `CHROMIUM` in the environment names the program where it is not in one of the usual places. */
  static async launch(): Promise<Chromium> {
    const program = process.env['CHROMIUM'] ?? PROGRAMS.find((path) => existsSync(path));
    if (program === undefined) throw new Error('no Chromium: install it, or name it in CHROMIUM');
    const profile = await mkdtemp(join(tmpdir(), 'notifier-chromium-'));
    const child = spawn(program, [...FLAGS, `--user-data-dir=${profile}`, 'about:blank']);
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await eventually(() => DEVTOOLS.test(output) || child.exitCode !== null, 'Chromium listens', LAUNCH_MS);
    const url = DEVTOOLS.exec(output)?.[1];
    if (url === undefined) throw new Error(`Chromium ended: ${output}`);
    const socket = new WebSocket(url);
    await once(socket, 'open');
    return new Chromium(child, socket, profile, url);
  }

  /** Opens a tab in front of the others. */
  async open(url: string): Promise<Tab> {
    const { targetId } = await this.send('Target.createTarget', { url });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    return new Tab(this, targetId as string, sessionId as string);
  }

  async send(method: string, params: object = {}, sessionId?: string): Promise<Reply['result']> {
    const id = ++this.lastId;
    const replied = new Promise<Reply>((resolve) => this.waiting.set(id, resolve));
    this.socket.send(JSON.stringify({ id, method, params, ...(sessionId !== undefined && { sessionId }) }));
    const { error, result } = await replied;
    this.waiting.delete(id);
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  async close(): Promise<void> {
    const exited = once(this.process, 'exit');
    await this.send('Browser.close');
    await exited;
    await rm(this.profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** @returns false where that is why; @throws the error where it is not */
function isBetweenPages(error: Error): false {
  if (
    /navigated or closed|context was destroyed|Cannot find (default execution )?context/.test(error.message)
  )
    return false;
  throw error;
}

/** One tab of it. */
export class Tab {
  constructor(
    private readonly chromium: Chromium,
    private readonly targetId: string,
    private readonly sessionId: string,
  ) {}

  /** The value of an expression in the page. */
  async evaluate<T>(expression: string): Promise<T> {
    const params = { expression, returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = (await this.send('Runtime.evaluate', params)) as {
      result: { value: T };
      exceptionDetails?: object;
    };
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return result.value;
  }

  /** Waits until an expression in the page is true. One that is loaded anew meanwhile answers nothing. */
  async until(expression: string): Promise<void> {
    const isTrue = () => this.evaluate<boolean>(`Boolean(${expression})`).catch(isBetweenPages);
    await eventually(isTrue, expression);
  }

  /** Runs a script in every page that is loaded from now on, before any of its own. */
  async onEveryPage(source: string): Promise<void> {
    await this.send('Page.enable');
    await this.send('Page.addScriptToEvaluateOnNewDocument', { source });
  }

  async go(url: string): Promise<void> {
    await this.send('Page.navigate', { url });
  }

  /** Brings it to the front; the one that was there is hidden. */
  async show(): Promise<void> {
    await this.chromium.send('Target.activateTarget', { targetId: this.targetId });
  }

  /** Stops its timers and events, as a browser does with tabs that nobody has looked at for a while. It must be hidden. */
  async freeze(): Promise<void> {
    await this.send('Page.setWebLifecycleState', { state: 'frozen' });
  }

  async thaw(): Promise<void> {
    await this.send('Page.setWebLifecycleState', { state: 'active' });
  }

  async setOffline(offline: boolean): Promise<void> {
    const unlimited = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
    await this.send('Network.enable');
    await this.send('Network.emulateNetworkConditions', { offline, ...unlimited });
  }

  async close(): Promise<void> {
    await this.chromium.send('Target.closeTarget', { targetId: this.targetId });
  }

  private send(method: string, params: object = {}): Promise<Readonly<Record<string, unknown>>> {
    return this.chromium.send(method, params, this.sessionId);
  }
}
