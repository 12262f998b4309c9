/** What the core is told of the configuration. */
export abstract class NotifierOptions {
  abstract readonly heartbeatMs: number;
  /** Normal service after readiness has ended, part of the grace. */
  abstract readonly shutdownDelayMs: number;
  abstract readonly shutdownGraceMs: number;
  /** Subscriptions of one user on this node; beyond, the oldest one is closed. */
  abstract readonly maxConnectionsPerUser: number;
}
