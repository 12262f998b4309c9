import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { ConnectorCredentials } from '../notifier/connectors.js';
import type { PeerAddresses } from './peer-addresses.js';

/** The token of `Authorization: Bearer` (RFC 6750, section 2.1); empty where it is malformed. Other schemes are a proxy's affair. */
export function bearerToken({ authorization }: IncomingHttpHeaders): string | undefined {
  if (authorization === undefined) return undefined;
  return /^Bearer(?: +|$)(.*)$/i.exec(authorization)?.[1];
}

/** What a connector's request shows. Never from the query: URLs end in access logs. */
export class RequestCredentials implements ConnectorCredentials {
  constructor(
    private readonly request: IncomingMessage,
    private readonly addresses: PeerAddresses,
  ) {}

  get apiKey(): string | undefined {
    const { headers } = this.request;
    return bearerToken(headers) ?? (headers['x-api-key'] as string | undefined);
  }

  get address(): string {
    return this.addresses.of(this.request);
  }
}
