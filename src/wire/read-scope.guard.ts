import type { IncomingMessage } from 'node:http';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { ConnectorAccess } from './connector-access.js';

/** Lets through whose API key may read, and everyone where there are no keys. For controllers that push nothing. */
@Injectable()
export class ReadScopeGuard implements CanActivate {
  constructor(private readonly connectors: ConnectorAccess) {}

  canActivate(context: ExecutionContext): boolean {
    this.connectors.admit(context.switchToHttp().getRequest<IncomingMessage>(), 'read');
    return true;
  }
}
