import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Logger, type Provider } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import type { Config } from './config.js';
import { connectionLimit, socketLimits } from './descriptors.js';
import { InterfaceDocument } from './docs/interface-document.js';
import { EventsController } from './http/events.controller.js';
import { isLoopbackHost } from './http/loopback.js';
import { NotifierHttpAdapter } from './http/notifier-http-adapter.js';
import { securityHeaders } from './http/security-headers.js';
import { listenFault } from './listen-fault.js';
import { Log } from './log.js';
import { Authenticator } from './notifier/authenticator.js';
import { assertNothingIsPassedBy } from './passed-by.js';
import { NotifierWsAdapter, type HandshakeCheck } from './websocket/notifier-ws-adapter.js';
import { originRule } from './wire/origin-rule.js';
import { ConnectorAccess } from './wire/connector-access.js';
import { bearerToken } from './wire/credentials.js';
import { PeerAddresses } from './wire/peer-addresses.js';
import { RefusalLog } from './wire/refusal-log.js';

/** Connections that wait to be accepted while many come back at once; Node's default is 511. */
const LISTEN_BACKLOG = 4096;

/**
 * The whole application, not yet listening.
 *
 * @param replacements providers that take the place of the application's own, port by port
 */
export async function createApp(
  config: Config,
  replacements: readonly Provider[] = [],
): Promise<NestExpressApplication> {
  const log = new Log(config.logLevel);
  const http = new NotifierHttpAdapter(socketLimits().sockets, config.tls?.read());
  const app = await NestFactory.create<NestExpressApplication>(AppModule.with(config, replacements), http, {
    bodyParser: false,
    logger: log,
    abortOnError: false,
  });
  for (const warning of config.warnings) log.warn(warning, 'Config');
  const { warning: fewer } = connectionLimit(config.maxConnections);
  if (fewer) log.log(fewer, 'Config');
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', config.trustedProxies ?? false);
  app.use(securityHeaders(config.tls !== undefined));
  if (config.isLoopbackOnly) http.restrictHosts(isLoopbackHost);
  const [refusals, addresses] = [app.get(RefusalLog), app.get(PeerAddresses)];
  http.notesRefusals((request, error) =>
    refusals.answered('request', error, { address: addresses.of(request) }),
  );
  app.useWebSocketAdapter(
    new NotifierWsAdapter(app, {
      refusal: (request) => http.refusal(request),
      allowsOrigin: originRule(config.allowedOrigins),
      checks: handshakeChecks(app.get(Authenticator), app.get(ConnectorAccess)),
      maxPayloads: { '/push_events': config.maxBodyBytes },
      refused: (request, error) => refusals.answered('handshake', error, { address: addresses.of(request) }),
    }),
  );
  app.get(InterfaceDocument).describes(app);
  const events = app.get(EventsController);
  http.shortcut('/push_events', (request, response) => events.push(request, response));
  return app;
}

/** Listens, and tells where: `http://127.0.0.1:8080`. */
export async function listen(app: NestExpressApplication, config: Config): Promise<string> {
  await app.init();
  assertNothingIsPassedBy(app);
  const server: Server = app.getHttpServer();
  server.listen({ port: config.port, host: config.host, backlog: LISTEN_BACKLOG });
  // Rejects where the server says 'error' first.
  await once(server, 'listening').catch((error: unknown) => {
    throw listenFault(error, config);
  });
  // For want of descriptors or memory a connection cannot be accepted, and the next one may.
  server.on('error', (error) => new Logger('Http').error(error));
  const address = server.address() as AddressInfo;
  const host = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `${config.tls ? 'https' : 'http'}://${host}:${address.port}`;
}

/** What a handshake must show, path by path. */
function handshakeChecks(
  authenticator: Authenticator,
  connectors: ConnectorAccess,
): Readonly<Record<string, HandshakeCheck>> {
  return {
    '/subscribe_to_events': ({ headers }) => {
      const token = bearerToken(headers);
      return token === undefined ? undefined : authenticator.checkHandshake(token);
    },
    '/push_events': (request) => void connectors.admit(request, 'push'),
  };
}
