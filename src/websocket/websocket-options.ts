/** What the gateway is told of the configuration. */
export abstract class WebSocketOptions {
  abstract readonly heartbeatMs: number;
  /** How long a client may take for its first message. */
  abstract readonly subscribeTimeoutMs: number;
}
