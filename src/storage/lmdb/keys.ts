/**
 * The keys of the file: one byte for the kind of record, then what orders it. Numbers are big-endian, so that bytes compare as they do.
 */
const META = 0;
const CHUNK = 1;
const LOGS_BY_HOUR = 2;
const HEADS_BY_HOUR = 3;
const CLAIM = 4;
const CLAIMS_BY_EXPIRY = 5;

/** An access id has no control characters: this ends it. */
const END_OF_ID = 0;

export const MAX_SEQ = 2 ** 48 - 1;

/** The store's own record. */
export const metaKey = Buffer.of(META);

/** The chunk that begins with event `seq` of a user's log. */
export function chunkKey(accessId: string, seq: number): Buffer {
  const key = idKey(CHUNK, 0, accessId, 7);
  key[key.length - 7] = END_OF_ID;
  key.writeUIntBE(seq, key.length - 6, 6);
  return key;
}

const SEQ_BYTES = 6;

export function seqOfChunkKey(key: Buffer): number {
  return key.readUIntBE(key.length - SEQ_BYTES, SEQ_BYTES);
}

export function isChunkKey(key: Buffer): boolean {
  return key[0] === CHUNK;
}

/** What the keys of one log's chunks begin with, as a byte string: of a key, given as one. */
export function logOfChunkKey(key: string): string {
  return key.slice(0, -SEQ_BYTES);
}

/** The key of a chunk in the log whose keys begin with `log`. */
export function keyOfChunk(log: string, seq: number): Buffer {
  const key = Buffer.allocUnsafe(log.length + SEQ_BYTES);
  key.write(log, 'latin1');
  key.writeUIntBE(seq, log.length, SEQ_BYTES);
  return key;
}

/**
 * Where a log stands that has events, or only a head, by the hour of its last push. Without an access id: before all logs of that hour.
 */
export function hourKey(hasEvents: boolean, hour: number, accessId: string): Buffer {
  const key = idKey(hasEvents ? LOGS_BY_HOUR : HEADS_BY_HOUR, 4, accessId, 0);
  key.writeUInt32BE(hour, 1);
  return key;
}

export function readHourKey(key: Buffer): { hour: number; accessId: string } {
  return { hour: key.readUInt32BE(1), accessId: key.toString('utf8', 5) };
}

/** The claim of an idempotency key, given as its SHA-256. */
export function claimKey(hash: Buffer): Buffer {
  return Buffer.concat([Buffer.of(CLAIM), hash]);
}

const EXPIRY_AND_KIND = 7;

/** Where a claim stands among those that expire. */
export function expiryKey(expires: number, hash: Buffer): Buffer {
  const key = Buffer.allocUnsafe(EXPIRY_AND_KIND + hash.length);
  key[0] = CLAIMS_BY_EXPIRY;
  key.writeUIntBE(expires, 1, 6);
  hash.copy(key, EXPIRY_AND_KIND);
  return key;
}

export function hashOfExpiryKey(key: Buffer): Buffer {
  return Buffer.from(key.subarray(EXPIRY_AND_KIND));
}

/** The key before which the claims stand that have expired at `now`. */
export function expiryKeysEnd(now: number): Buffer {
  return expiryKey(now + 1, Buffer.alloc(0));
}

function idKey(kind: number, before: number, accessId: string, after: number): Buffer {
  const bytes = Buffer.byteLength(accessId);
  const key = Buffer.allocUnsafe(1 + before + bytes + after);
  key[0] = kind;
  key.write(accessId, 1 + before);
  return key;
}
