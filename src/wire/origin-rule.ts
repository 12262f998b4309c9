import type { IncomingMessage } from 'node:http';

/** Whether the page that a handshake came from may connect. */
export type OriginRule = (request: IncomingMessage) => boolean;

/**
 * A browser sends cookies and reaches private addresses for any page, and names the page in `Origin` (RFC 6455, section 10.2).
 * No `Origin` is a native client: its token decides.
 *
 * @param allowed exact origins, or `*` for any; empty for the host that the request names
 */
export function originRule(allowed: readonly string[]): OriginRule {
  const origins = new Set(allowed);
  if (origins.has('*')) return () => true;
  return ({ headers }) => {
    const { origin, host } = headers;
    if (origin === undefined) return true;
    if (origins.size > 0) return origins.has(origin);
    return origin === `http://${host}` || origin === `https://${host}`;
  };
}
