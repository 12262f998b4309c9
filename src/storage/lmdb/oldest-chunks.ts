import { copyIndex, type ChunkIndex } from './chunk.js';
import type { ChunkRecord } from './pack.js';
import { RecentCache } from './recent-cache.js';

/** Some 2 KiB each; 5 where chunks are large, and more of one that alone has more events than below. */
const MAX_LOGS = 8192;
/** What is remembered of a log: about as much as is read at once from the tree. */
const MAX_CHUNKS = 16;
/** Of large chunks, 64 events would be one alone: 16 users take 0.94 of the time so (ten pairs). */
const MAX_EVENTS = 256;

interface Known {
  readonly epoch: string;
  readonly chunks: readonly ChunkIndex[];
}

/**
 * What the oldest chunks of full logs say of their events. A log that is full lets go of an event with each that comes: to find it in the tree costs 10 µs,
 * as much as all the rest of a push in a batch.
 */
export class OldestChunks {
  private readonly logs = new RecentCache<Known>(MAX_LOGS);

  /**
   * The chunk that holds event `seq` of a log.
   *
   * @param chunks from that one on; asked only where it is not known
   */
  find(accessId: string, epoch: string, seq: number, chunks: () => Iterable<ChunkRecord>): ChunkIndex {
    const known = this.logs.get(accessId);
    const found = known?.epoch === epoch && known.chunks.find((chunk) => holds(chunk, seq));
    if (found) return found;
    const read = someOf(chunks());
    this.logs.set(accessId, { epoch, chunks: read });
    return read[0]!;
  }
}

function holds({ firstSeq, count }: ChunkIndex, seq: number): boolean {
  return seq >= firstSeq && seq < firstSeq + count;
}

/** At least one. */
function someOf(chunks: Iterable<ChunkRecord>): ChunkIndex[] {
  const read: ChunkIndex[] = [];
  let events = 0;
  for (const { firstSeq, record } of chunks) {
    const index = copyIndex(firstSeq, record);
    events += index.count;
    if (read.length > 0 && events > MAX_EVENTS) break;
    read.push(index);
    if (read.length === MAX_CHUNKS) break;
  }
  return read;
}
