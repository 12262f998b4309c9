import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Connectors, type Connector, type Scope } from '../notifier/connectors.js';
import { RequestCredentials } from './credentials.js';
import { PeerAddresses } from './peer-addresses.js';

/** Which connector a request comes from, and whether it may. */
@Injectable()
export class ConnectorAccess {
  constructor(
    private readonly connectors: Connectors,
    private readonly addresses: PeerAddresses,
  ) {}

  /**
   * The connector that a request's API key belongs to.
   *
   * @throws ConnectorRefusedError
   */
  admit(request: IncomingMessage, scope: Scope): Connector {
    return this.connectors.admit(new RequestCredentials(request, this.addresses), scope);
  }
}
