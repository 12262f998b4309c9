/** An event that was pushed. No two have the same name. All times here are Unix milliseconds. */
export interface PushedRecord {
  readonly name: string;
  readonly user: string;
  /** The number of its push: events with the same one were pushed together. */
  readonly push: number;
  /** When the first attempt began. */
  readonly began: number;
  /** When `true` came; undefined where it never did. */
  acknowledged: number | undefined;
  /** When the last attempt was over; infinite where one may still be under way, since nobody answered it. */
  settled: number;
  /** Whether it was answered with a 4xx: then certainly nothing is stored. */
  isRefused: boolean;
}

/** An event as a connection got it. */
export interface ReceivedRecord {
  readonly id: string;
  readonly name: string;
  readonly accessId: string;
  /** When it came. */
  readonly at: number;
}

/** One connection of one client. */
export interface ConnectionRecord {
  readonly user: string;
  /** The address of the node that it is with. */
  readonly node: string;
  /** The position that it named. */
  readonly asked: string | null;
  /** The position that it was told to begin at. */
  from: string | undefined;
  /** When it was told that it is subscribed. */
  subscribed: number | undefined;
  /** Whether it begins where its predecessor ended, nothing missing; false is a declared gap. */
  recovered: boolean;
  readonly received: ReceivedRecord[];
  ended: number | undefined;
  closeCode: number | undefined;
}

/** One client: connections, each of which resumes the one before. */
export interface ClientRecord {
  readonly user: string;
  connections: ConnectionRecord[];
  /** Whether its last connection reached the head after everything was quiet. */
  caughtUp: boolean;
}

/** A drop that was answered `true`. */
export interface DropRecord {
  readonly user: string;
  /** The address of the node that answered. */
  readonly node: string;
  readonly began: number;
  readonly acknowledged: number;
}

/** All that the log of a user held in the end; undefined where nobody could read it. */
export interface LogRecord {
  readonly user: string;
  readonly received: readonly ReceivedRecord[] | undefined;
}

/**
 * What a fault may cost. `positions`: clients may be told of a gap, what was acknowledged stays. `events`: acknowledged events
 * may go, and with them what is remembered of idempotency keys; clients are told of a gap.
 */
export type Cost = 'nothing' | 'positions' | 'events';

/** A fault that was done. */
export interface FaultRecord {
  readonly name: string;
  readonly costs: Cost;
  /** The nodes that could not do their work meanwhile, by their addresses. */
  readonly hindered: readonly string[];
  readonly began: number;
  /** When it was over; infinite where it is not. */
  ended: number;
}

/** Everything that happened, as the outside saw it. */
export interface Recording {
  readonly pushes: PushedRecord[];
  readonly clients: ClientRecord[];
  readonly drops: DropRecord[];
  readonly faults: FaultRecord[];
  /** Read once everything is quiet. */
  readonly logs: LogRecord[];
  /** How often pushes were answered what: statuses, and `none`. */
  readonly answers: Record<string, number>;
  /** Whether the store takes a push whole or not at all; a Redis Cluster does so for each partition of users. */
  readonly isAtomic: boolean;
  /** How long a node that can do its work may take to notice what happened on another one. */
  readonly noticeMs: number;
}

/** Faults that cost at least as much as `costs`. */
export function losses({ faults }: Recording, costs: Exclude<Cost, 'nothing'>): FaultRecord[] {
  return faults.filter(({ costs: paid }) => paid === 'events' || paid === costs);
}

/** Whether an event may have been stored twice: what was known of its push was lost while the push was being repeated. */
export function mayRepeat({ began, settled }: PushedRecord, lost: readonly FaultRecord[]): boolean {
  return lost.some((loss) => loss.began <= settled && loss.ended >= began);
}

/** How long a node may need to be itself again after a fault: connections to be made anew, and a look at all that is there. */
const RECOVERY_MS = 10_000;

/** When a node must have noticed what happened at `time`: soon, but not while it cannot do its work. */
export function noticedBy({ faults, noticeMs }: Recording, time: number, node: string): number {
  let deadline = time + noticeMs;
  const hindrances = faults
    .filter(({ hindered }) => hindered.includes(node))
    .toSorted((a, b) => a.began - b.began);
  for (const { began, ended } of hindrances) {
    const free = ended + RECOVERY_MS;
    if (began <= deadline && free >= time) deadline = Math.max(deadline, free + noticeMs);
  }
  return deadline;
}
