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

/**
 * So many reasons are told apart at a time; what else comes is told apart by its code alone. The server's own wording has fewer, but a reason
 * that names a member of the client's making must not fill the log: 64 lines in 10 s are 6 a second at the most.
 */
const MAX_REASONS = 64;

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

/** One that was refused. */
interface Refusal {
  readonly what: Refused;
  readonly code: number;
  readonly why: string;
  readonly peer: Peer;
}

/** Those of one kind that were refused since its last line. */
interface Untold {
  count: number;
  last: Refusal;
}

/** Tells operators who was refused and why: a page shows none of what its handshake was answered, and a connector may throw its answers away. */
@Injectable()
export class RefusalLog {
  private readonly logger = new Logger(RefusalLog.name);
  /** By kind; none of those that have had no line for a while. */
  private readonly untold = new Map<string, Untold>();

  constructor(private readonly metrics: Metrics) {}

  /** A request, a handshake or a message is answered with an error. */
  answered(what: Refused, error: unknown, peer: Peer): void {
    const { statusCode, message } = describeError(error);
    this.metrics.answeredError(statusCode);
    // A fault of the server, which whoever asked is not told.
    if (statusCode === 500) this.logger.error(error);
    else if (!NOISE.has(statusCode)) {
      const why = error instanceof StoreUnavailableError ? error.message : message;
      this.tell({ what, code: statusCode, why, peer });
    }
  }

  /** A connection is gone. */
  closed({ address, ending }: Pick<Member, 'address' | 'ending'>, accessId?: string): void {
    if (!ending || !REFUSALS.has(ending.reason)) return;
    const code = CLOSE_CODES[ending.reason];
    this.tell({ what: 'connection', code, why: closeText(ending), peer: { address, accessId } });
  }

  private tell(refusal: Refusal): void {
    const kind = this.kindOf(refusal);
    const untold = this.untold.get(kind);
    if (untold) {
      untold.count++;
      untold.last = refusal;
      return;
    }
    this.say(refusal);
    this.pause(kind, refusal);
  }

  /** One that stands at another place of its push, or names another time, is of the same kind. */
  private kindOf({ what, code, why }: Refusal): string {
    const kind = `${what} ${code} ${why.replaceAll(/\d+/g, '0')}`;
    return this.untold.has(kind) || this.untold.size < MAX_REASONS ? kind : `${what} ${code}`;
  }

  private say({ what, code, why, peer: { address, connector, accessId } }: Refusal): void {
    this.logger.warn({
      msg: `refused a ${what}: ${why}`,
      code,
      address,
      // Without keys, connectors are not told apart.
      ...(connector && { connector }),
      ...(accessId !== undefined && { access_id: accessId }),
    });
  }

  private pause(kind: string, last: Refusal): void {
    this.untold.set(kind, { count: 0, last });
    setTimeout(() => this.sumUp(kind), PAUSE_MS).unref();
  }

  private sumUp(kind: string): void {
    const { count, last } = this.untold.get(kind)!;
    if (count === 0) return void this.untold.delete(kind);
    if (count === 1) this.say(last);
    else {
      const { what, code, why } = last;
      this.logger.warn({
        msg: `refused a ${what}: ${count} more in ${PAUSE_MS / 1000} s, the last: ${why}`,
        code,
      });
    }
    this.pause(kind, last);
  }
}
