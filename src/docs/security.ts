import { ApiSecurity, type DocumentBuilder } from '@nestjs/swagger';
import type { Scope } from '../notifier/connectors.js';

/** What requests show, where authentication is on: it is off unless configured, which `{}` says. */
export function withSecuritySchemes(builder: DocumentBuilder): DocumentBuilder {
  return builder
    .addSecurity('apiKey', {
      type: 'http',
      scheme: 'bearer',
      description: "A connector's API key, with the scope that the operation names.",
    })
    .addSecurity('apiKeyHeader', {
      type: 'apiKey',
      in: 'header',
      name: 'X-API-Key',
      description: 'The same, in a header of its own.',
    })
    .addSecurity('token', {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
      description: "A subscriber's token, whose `sub` (or `NOTIFIER_JWT_CLAIM`) is the `access_id`.",
    })
    .addSecurity('tokenInQuery', {
      type: 'apiKey',
      in: 'query',
      name: 'token',
      description: 'The same, for an `EventSource`, which sends no header. URLs end in access logs.',
    });
}

/** For connectors, where there are API keys. */
export function needsKey(scope: Scope): MethodDecorator[] {
  return [ApiSecurity('apiKey', [scope]), ApiSecurity('apiKeyHeader', [scope]), ApiSecurity({})];
}

/** For subscribers, where there are tokens. */
export function needsToken(): MethodDecorator[] {
  return [ApiSecurity('token'), ApiSecurity('tokenInQuery'), ApiSecurity({})];
}
