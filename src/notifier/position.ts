import { randomFillSync } from 'node:crypto';

/**
 * A position in a user's log: the id of an event, or a place before a log's first event. It says "everything up to
 * here is behind me". Three parts, so that an old id can never name a new event:
 *
 * - `epoch`: the log's, drawn at random when the log begins; a log that begins anew has another one. A log that does
 *   not exist yet has positions too: their epoch is the store's and their `seq` the store's serial number then.
 * - `seq`: the event's number in its log, from 1; 0 is the place before the first.
 * - `tag`: 31 random bits drawn for each append; where a store lost its tail and wrote other events in that place,
 *   the numbers repeat and the tags do not.
 */
export interface Position {
  readonly epoch: string;
  readonly seq: number;
  readonly tag: number;
}

const FORM = /^([0-9A-Za-z_-]{8})\.(0|[1-9][0-9]{0,15})\.([0-9a-z]{1,7})$/;

/** The opaque string that a client sees. ASCII without quotes, spaces or line breaks: it goes into JSON and headers as it is. */
export function formatPosition(position: Position): string {
  return `${position.epoch}.${position.seq}.${position.tag.toString(36)}`;
}

/** The position that `text` names, or `undefined` where this server never wrote such a string. */
export function parsePosition(text: string): Position | undefined {
  const parts = FORM.exec(text);
  if (!parts) return undefined;
  const position = { epoch: parts[1]!, seq: Number(parts[2]), tag: Number.parseInt(parts[3]!, 36) };
  return formatPosition(position) === text ? position : undefined;
}

/** 48 random bits: with a billion logs, the chance that two epochs of one user are equal stays below 10^-14. */
export function newEpoch(): string {
  return randomFillSync(Buffer.allocUnsafe(6)).toString('base64url');
}

// One system call for 1,024 tags: a tag a push would cost 1 µs otherwise.
const tags = new Uint32Array(1024);
let usedTags = tags.length;

/** 31 bits: V8 keeps such a number in the object itself, and half of those of 32 bits in memory of their own. */
export function newTag(): number {
  if (usedTags === tags.length) {
    randomFillSync(tags);
    usedTags = 0;
  }
  return tags[usedTags++]! >>> 1;
}
