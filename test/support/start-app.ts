import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Provider } from '@nestjs/common';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { createApp, listen } from '../../src/app.js';
import { readConfig } from '../../src/config.js';

/** The application in this process, listening on a free port of loopback. */
export interface RunningApp {
  readonly app: NestExpressApplication;
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Cuts every connection and closes the application. */
  close(): Promise<void>;
}

const DEFAULTS = { PORT: '0', NOTIFIER_STORE: 'memory', NOTIFIER_LOG_LEVEL: 'silent' };

/**
 * Starts the application as `server.ts` does.
 *
 * @param environment what its configuration is read from, over: any port, memory, no log
 * @param replacements providers that take the place of the application's own (EventLog, Authenticator, …)
 */
export async function startApp(
  environment: Readonly<Record<string, string>> = {},
  replacements: readonly Provider[] = [],
): Promise<RunningApp> {
  const config = readConfig({ ...DEFAULTS, ...environment });
  const app = await createApp(config, replacements);
  const sockets = openSockets(app.getHttpServer());
  const url = await listen(app, config);
  const close = async () => {
    const closed = app.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  return { app, url, close };
}

/** A server waits for its sockets when it closes, and those that were upgraded are known to nobody else. */
function openSockets(server: Server): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return sockets;
}
