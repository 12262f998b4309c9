import { Injectable, Logger } from '@nestjs/common';
import type { CloseReason } from '../notifier/close.js';
import { StoreUnavailableError } from '../notifier/event-log.js';
import { Metrics } from '../notifier/metrics.js';
import type { Member } from '../notifier/open-connections.js';
import { CLOSE_CODES } from './close-codes.js';
import { closeText } from './close-text.js';
import { describeError } from './error-description.js';

/** What was refused: a push, a drop, any other request, a handshake, or a connection that stood already. */
export type Refused = 'push' | 'drop' | 'request' | 'handshake' | 'connection';

/** Who was refused, as far as that is known. */
export interface Peer {
  readonly address: string;
  /** The name of the connector's key. */
  readonly connector?: string | undefined;
  readonly accessId?: string | undefined;
}

/** Of a kind there is a line at once, and then one in so many milliseconds, which says how many more there were: whoever is refused may try for ever. */
const PAUSE_MS = 10_000;

/** What programs that look for something else are told all day: counted, and not in the log. */
const NOISE = new Set([404, 405, 426]);

/** Ends that a client, or whoever configured it, has to do something about. */
const REFUSALS = new Set<CloseReason>([
  'text frames only',
  'try again later',
  'no subscription',
  'too many messages',
  'unauthorized',
  'invalid subscription',
]);

/** Tells operators who was refused and why: a page shows none of what its handshake was answered, and a connector may throw its answers away. */
@Injectable()
export class RefusalLog {
  private readonly logger = new Logger(RefusalLog.name);
  /** How many there were since the last line, by kind; none of those that have had no line for a while. */
  private readonly untold = new Map<string, number>();

  constructor(private readonly metrics: Metrics) {}

  /** A request, a handshake or a message is answered with an error. */
  answered(what: Refused, error: unknown, peer: Peer): void {
    const { statusCode, message } = describeError(error);
    this.metrics.answeredError(statusCode);
    // A fault of the server, which whoever asked is not told.
    if (statusCode === 500) this.logger.error(error);
    else if (!NOISE.has(statusCode)) {
      this.tell(what, statusCode, error instanceof StoreUnavailableError ? error.message : message, peer);
    }
  }

  /** A connection is gone. */
  closed({ address, ending }: Member, accessId?: string): void {
    if (!ending || !REFUSALS.has(ending.reason)) return;
    this.tell('connection', CLOSE_CODES[ending.reason], closeText(ending), { address, accessId });
  }

  private tell(what: Refused, code: number, why: string, { address, connector, accessId }: Peer): void {
    const kind = `${what} ${code}`;
    const untold = this.untold.get(kind);
    if (untold !== undefined) return void this.untold.set(kind, untold + 1);
    this.logger.warn({
      msg: `refused a ${what}: ${why}`,
      code,
      address,
      // Without keys, connectors are not told apart.
      ...(connector && { connector }),
      ...(accessId !== undefined && { access_id: accessId }),
    });
    this.pause(kind);
  }

  private pause(kind: string): void {
    this.untold.set(kind, 0);
    setTimeout(() => this.sumUp(kind), PAUSE_MS).unref();
  }

  private sumUp(kind: string): void {
    const untold = this.untold.get(kind)!;
    if (untold === 0) return void this.untold.delete(kind);
    const [what, code] = kind.split(' ');
    this.logger.warn({
      msg: `refused a ${what}: ${untold} more in ${PAUSE_MS / 1000} s`,
      code: Number(code),
    });
    this.pause(kind);
  }
}
