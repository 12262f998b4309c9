import type { FaultyNode } from './nodes.js';
import type { Random } from '../support/random.js';
import type { Cost } from './recording.js';
import type { Workload } from './workload.js';

/** What a fault has at hand. */
export interface Scene {
  readonly random: Random;
  readonly workload: Workload;
  /** Notes who cannot do its work while the fault lasts. */
  readonly hinders: (...nodes: readonly FaultyNode[]) => void;
}

/** Something that goes wrong and is over when this resolves. */
export interface Fault {
  readonly name: string;
  readonly costs: Cost;
  /** Whether others happen while it lasts. */
  readonly goesOn?: boolean;
  run(scene: Scene): Promise<void>;
}

/** Nodes, their store, and what can be done to them. */
export interface Deployment {
  readonly nodes: readonly FaultyNode[];
  /** Whether the store takes a push whole or not at all. */
  readonly isAtomic: boolean;
  readonly faults: readonly Fault[];
  /** What the store has counted of what is rare otherwise. */
  figures?(): Promise<Readonly<Record<string, number>>>;
  stop(): Promise<void>;
}
