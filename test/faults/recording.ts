/** An event that was pushed. No two have the same name. */
export interface PushedRecord {
  readonly name: string;
  readonly user: string;
  /** When the first attempt began; Unix milliseconds, as all times here. */
  readonly began: number;
  /** When `true` came; undefined where it never did. */
  acknowledged: number | undefined;
}

/** An event as a connection got it. */
export interface ReceivedRecord {
  readonly id: string;
  readonly name: string;
  readonly accessId: string;
}

/** One connection of one client. */
export interface ConnectionRecord {
  readonly user: string;
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
  readonly began: number;
  readonly acknowledged: number;
}

/** Everything that happened, as the outside saw it. */
export interface Recording {
  readonly pushes: PushedRecord[];
  readonly clients: ClientRecord[];
  readonly drops: DropRecord[];
  /** How long a drop may take to reach a node that could not be told. */
  dropGraceMs: number;
  /** Whether the store lost data, and with it perhaps claims of idempotency keys. */
  mayRepeat: boolean;
}
