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

/** Stands in the file for as long as the process that drew `mark` has it. */
export function ownerKey(mark: string): Buffer {
  return Buffer.concat([metaKey, Buffer.from(mark, 'latin1')]);
}

/** The keys between which those of owners stand. */
export const ownerKeys = { start: ownerKey('\0'), end: Buffer.of(CHUNK) };

const SEQ_BYTES = 6;

/** The chunk that begins with event `seq` of a user's log. */
export function chunkKey(accessId: string, seq: number): Buffer {
  const key = Buffer.allocUnsafe(chunkKeyBytes(accessId));
  writeChunkKey(key, 0, accessId, seq);
  return key;
}

export function chunkKeyBytes(accessId: string): number {
  return Buffer.byteLength(accessId) + 2 + SEQ_BYTES;
}

/** Writes `chunkKey` into `target`. @returns where it ends */
export function writeChunkKey(target: Buffer, at: number, accessId: string, seq: number): number {
  target[at] = CHUNK;
  const idEnd = at + 1 + target.write(accessId, at + 1);
  target[idEnd] = END_OF_ID;
  return target.writeUIntBE(seq, idEnd + 1, SEQ_BYTES);
}

export function isChunkKey(key: Buffer): boolean {
  return key[0] === CHUNK;
}

export function idOfChunkKey(key: Buffer): string {
  return key.toString('utf8', 1, key.length - SEQ_BYTES - 1);
}

export function seqOfChunkKey(key: Buffer): number {
  return key.readUIntBE(key.length - SEQ_BYTES, SEQ_BYTES);
}

/**
 * Where a log stands that has events, or only a head, by the hour of its last push. Without an access id: before all logs of that hour.
 */
export function hourKey(hasEvents: boolean, hour: number, accessId: string): Buffer {
  const key = Buffer.allocUnsafe(5 + Buffer.byteLength(accessId));
  key[0] = hasEvents ? LOGS_BY_HOUR : HEADS_BY_HOUR;
  key.writeUInt32BE(hour, 1);
  key.write(accessId, 5);
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
