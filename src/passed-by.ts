import type { NestContainer } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';

/**
 * Refuses what pushes would pass by: `POST /push_events` goes from the HTTP server straight to its controller, so that a guard, pipe or interceptor for all routes
 * would hold for every path but that one, and a prefix would leave it where it is.
 *
 * @throws Error naming what was added
 */
export function assertNothingIsPassedBy(app: NestExpressApplication): void {
  // Nest tells nobody else what was added to all routes.
  const { applicationConfig: added } = (app as unknown as { container: NestContainer }).container;
  if (!added) return;
  const kinds = [
    ['guard', [...added.getGlobalGuards(), ...added.getGlobalRequestGuards()]],
    ['pipe', [...added.getGlobalPipes(), ...added.getGlobalRequestPipes()]],
    ['interceptor', [...added.getGlobalInterceptors(), ...added.getGlobalRequestInterceptors()]],
    ['prefix', added.getGlobalPrefix() ? [added.getGlobalPrefix()] : []],
  ] as const;
  for (const [kind, found] of kinds) {
    if (found.length > 0)
      throw new Error(
        `a global ${kind} was added, and POST /push_events would pass it by: bind it to controllers`,
      );
  }
}
