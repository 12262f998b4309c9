import { createApp, listen } from '../../src/app.js';
import { readConfig } from '../../src/config.js';
import { ShutdownService } from '../../src/notifier/shutdown.service.js';

/** A server in this process, on a port of its own. */
export class RunningNotifier {
  private constructor(
    readonly url: string,
    private readonly app: Awaited<ReturnType<typeof createApp>>,
  ) {}

  static async start(environment: Readonly<Record<string, string>> = {}): Promise<RunningNotifier> {
    const config = readConfig({
      PORT: '0',
      NOTIFIER_STORE: 'memory',
      NOTIFIER_LOG_LEVEL: 'silent',
      NOTIFIER_SHUTDOWN_DELAY: '0',
      ...environment,
    });
    const app = await createApp(config);
    return new RunningNotifier(await listen(app, config), app);
  }

  get port(): string {
    return new URL(this.url).port;
  }

  post(path: string, body: unknown): Promise<Response> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const headers = { 'Content-Type': 'application/json' };
    return fetch(this.url + path, { method: 'POST', headers, body: text });
  }

  async push(...events: readonly object[]): Promise<void> {
    const answer = await this.post('/push_events', events);
    if (answer.status !== 200) throw new Error(`push: ${answer.status} ${await answer.text()}`);
    await answer.arrayBuffer();
  }

  async drop(accessId: string): Promise<void> {
    await (await this.post('/drop_user', { drop_access_id: accessId })).arrayBuffer();
  }

  /** Tells everyone that it is going down, in an orderly way. Nothing is closed yet. */
  goDown(): Promise<void> {
    return this.app.get(ShutdownService).run();
  }

  /** Ends at once, without a word to anyone. */
  async kill(): Promise<void> {
    this.app.getHttpServer().closeAllConnections();
    await this.app.close();
  }
}
