import { setFlagsFromString } from 'node:v8';
import { Logger } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { createApp, listen } from './app.js';
import type { Config } from './config.js';
import { validityFault, type TlsFiles } from './config/tls.js';
import type { NotifierHttpAdapter } from './http/notifier-http-adapter.js';
import { EventLog } from './notifier/event-log.js';
import { ShutdownService } from './notifier/shutdown.service.js';

/**
 * V8 makes what has often survived a first look of the collector old at once. What waits for a commit does survive it, and is garbage a moment later:
 * made old, it stays, and all that it refers to, until the whole heap is looked through. With LMDB an event of a batch of 100 costs 7.3 µs
 * without that, and 9.1 with it, in one process; the notifier as a whole up to 8 % less.
 */
setFlagsFromString('--no-allocation-site-pretenuring');

/** After the grace, how long the store and the HTTP server may take to let go. */
const CLOSE_MS = 900;

/** Runs the server until a signal ends it, and the process with it. Where it cannot be started it says why, and the process ends with 1. */
export async function run(config: Config): Promise<void> {
  await start(config).catch(fail);
}

async function start(config: Config): Promise<void> {
  const app = await createApp(config);
  const url = await listen(app, config);
  const stop = onlyOnce(() => shutDown(app));
  // A terminal that is closed ends what was started in it.
  process.on('SIGHUP', process.stdin.isTTY && !config.tls ? stop : () => renewTls(app, config.tls));
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.stdout.write(`notifier listening on ${url} (store: ${app.get(EventLog).name})\n`);
}

/** A certificate that has been renewed is taken without a restart; one that is wrong leaves the old one in place. */
function renewTls(app: NestExpressApplication, files: TlsFiles | undefined): void {
  const logger = new Logger('Tls');
  // Without a listener the signal would end the process.
  if (!files)
    return logger.log('SIGHUP: there is no certificate to read again, since TLS is off; nothing changes');
  try {
    const identity = files.read();
    (app.getHttpAdapter() as unknown as NotifierHttpAdapter).renewTls(identity);
    logger.log('certificate and key were read again');
    const fault = validityFault(identity);
    if (fault !== undefined) logger.warn(`the certificate ${fault}`);
  } catch (error) {
    logger.error(`certificate and key stay as they were: ${(error as Error).message}`);
  }
}

/** Exit code 0 once everyone was told and the store is closed, whether or not everyone answered. */
async function shutDown(app: NestExpressApplication): Promise<void> {
  await app.get(ShutdownService).run();
  const server = app.getHttpServer();
  server.closeIdleConnections();
  setTimeout(() => server.closeAllConnections(), CLOSE_MS / 2).unref();
  setTimeout(() => process.exit(0), CLOSE_MS).unref();
  await app.close();
  new Logger('Shutdown').log('stopped');
  process.exit(0);
}

function onlyOnce(action: () => Promise<void>): () => void {
  let begun = false;
  return () => {
    if (begun) return;
    begun = true;
    action().catch(fail);
  };
}

function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const { hint } = (error ?? {}) as { hint?: string };
  process.stderr.write(`notifier: ${message}\n${hint === undefined ? '' : `  ${hint}\n`}`);
  process.exit(1);
}
