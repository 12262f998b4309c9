import type { RequestHandler } from 'express';
import helmet from 'helmet';

/**
 * What browsers are told about the answers that go through Express: pushes, which no browser reads, leave without it.
 *
 * Pages may load from here only, and nothing may frame them. `upgrade-insecure-requests`, on by default, would break pages served over
 * plain HTTP, and so would `Strict-Transport-Security` once TLS is switched off again: it is sent only where this server speaks TLS.
 */
export function securityHeaders(isTls: boolean): RequestHandler {
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        imgSrc: ["'self'", 'data:'],
        // Swagger's page and uPlot size their elements by style attributes.
        styleSrc: ["'self'", "'unsafe-inline'"],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: isTls,
    xFrameOptions: { action: 'deny' },
  });
}
