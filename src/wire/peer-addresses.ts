import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import proxyAddr from 'proxy-addr';

/** Which proxies' word is taken for where a request came from. */
export type TrustedProxies = (address: string, hop: number) => boolean;

/** Who is at the other end. */
export class PeerAddresses {
  constructor(private readonly trusts: TrustedProxies | undefined) {}

  /** The peer's address, or that of the client whom a trusted proxy names in `X-Forwarded-For`. Empty where it is gone already. */
  of(request: IncomingMessage): string {
    const { remoteAddress = '' } = request.socket;
    if (!this.trusts || remoteAddress === '') return withoutMapping(remoteAddress);
    const named = proxyAddr(request, this.trusts);
    // A header says anything.
    return withoutMapping(isIP(named) ? named : remoteAddress);
  }
}

/** IPv4 addresses look like this to a server that listens on `::`. */
function withoutMapping(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

/**
 * Reads Express's `trust proxy` value: `true`, `false`, a number of hops, or addresses, networks and their names, comma-separated.
 *
 * @throws TypeError where it is none of them
 */
export function trustedProxies(text: string): TrustedProxies | undefined {
  if (text === 'true') return () => true;
  if (text === 'false') return undefined;
  if (/^\d{1,3}$/.test(text)) return (_address, hop) => hop < Number(text);
  return proxyAddr.compile(text.split(',').map((part) => part.trim()));
}
