import type {
  Announcement,
  Head,
  LogView,
  Page,
  StoredEvent,
  StoreMemory,
} from '../../notifier/event-log.js';
import type { Position } from '../../notifier/position.js';
import type { Reply } from '../../redis/redis-script.js';
import type { Arrivals } from './arrivals.js';

/** What `read.lua` answers. */
export interface Look {
  readonly view: LogView;
  /** Absent where none was asked for or there is no log. */
  readonly page: Page | undefined;
  /** The number after which the page begins. */
  readonly from: number;
}

/** Reads the answer of `read.lua`. */
export function readLook(reply: Reply): Look {
  const [storeReply, headReply, tag, trusted, pageReply] = reply as Reply[];
  const store = readStore(storeReply as Reply[]);
  if (headReply === undefined) {
    return { view: { head: undefined, store, tag: undefined, trusted: true }, page: undefined, from: 0 };
  }
  const head = readHead(headReply as Reply[]);
  const view = { head, store, tag: optional(tag!), trusted: trusted === 1 };
  if (!Array.isArray(pageReply)) return { view, page: undefined, from: 0 };
  return { view, page: readPage(head, pageReply), from: pageReply[0] as number };
}

function readStore(fields: readonly Reply[]): StoreMemory {
  const [epoch, serial, forgottenSerial, forgottenCreatedAt, losses, tailLost] = fields;
  return {
    epoch: text(epoch!),
    serial: serial as number,
    forgottenSerial: forgottenSerial as number,
    forgottenCreatedAt: optional(forgottenCreatedAt!) ?? -Infinity,
    losses: losses as number,
    tailLost: tailLost === 1,
  };
}

function readHead(fields: readonly Reply[]): Head {
  const [epoch, seq, tag, trimmedSeq, trimmedTag, trimmedCreatedAt, drops, born, bytes] = fields;
  return {
    epoch: text(epoch!),
    seq: seq as number,
    tag: tag as number,
    trimmedSeq: trimmedSeq as number,
    trimmedTag: trimmedTag as number,
    trimmedCreatedAt: optional(trimmedCreatedAt!) ?? -Infinity,
    drops: drops as number,
    born: born as number,
    bytes: bytes as number,
  };
}

function readPage(head: Head, fields: readonly Reply[]): Page {
  const [, startSeq, startTag, endSeq, endTag, items] = fields as [
    number,
    number,
    number,
    number,
    number,
    Reply[],
  ];
  const events: StoredEvent[] = [];
  for (let i = 0; i < items.length; i += 2) events.push(readItem(items[i] as number, items[i + 1] as Buffer));
  const at = (seq: number, tag: number): Position => ({ epoch: head.epoch, seq, tag });
  return {
    epoch: head.epoch,
    events,
    start: at(startSeq, startTag),
    end: at(endSeq, endTag),
    reachedHead: endSeq === head.seq,
  };
}

/** An event as it is stored: `<arrived>,<tag>,<created_at>,<text>`. */
function readItem(seq: number, item: Buffer): StoredEvent {
  const tagAt = item.indexOf(COMMA) + 1;
  const createdAtAt = item.indexOf(COMMA, tagAt) + 1;
  const textAt = item.indexOf(COMMA, createdAtAt) + 1;
  return {
    seq,
    tag: Number(item.toString('latin1', tagAt, createdAtAt - 1)),
    createdAt: Number(item.toString('latin1', createdAtAt, textAt - 1)),
    text: item.toString('latin1', textAt),
  };
}

/**
 * Reads an announcement of `append.lua`: `E<epoch>,<seq>,<tag>,<tag of all>,<arrival>;` and the events as
 * `<bytes>:<created_at>,<text>`.
 *
 * @throws Error where it is none
 */
export function readAnnouncement(accessId: string, message: Buffer, arrivals: Arrivals): Announcement {
  let at = message.indexOf(SEMICOLON) + 1;
  const [epoch, previousSeq, previousTag, tag, arrival] = message.toString('latin1', 1, at - 1).split(',');
  const events: StoredEvent[] = [];
  let seq = Number(previousSeq);
  while (at < message.length) {
    const eventAt = message.indexOf(COLON, at) + 1;
    const textAt = message.indexOf(COMMA, eventAt) + 1;
    const next = eventAt + Number(message.toString('latin1', at, eventAt - 1));
    if (eventAt <= at || textAt <= eventAt || !(next >= textAt)) throw new Error('it is no announcement');
    const createdAt = Number(message.toString('latin1', eventAt, textAt - 1));
    events.push({ seq: ++seq, tag: Number(tag), createdAt, text: message.toString('latin1', textAt, next) });
    at = next;
  }
  if (events.length === 0) throw new Error('it announces nothing');
  return {
    accessId,
    epoch: epoch!,
    previousSeq: Number(previousSeq),
    previousTag: Number(previousTag),
    events,
    arrival: arrivals.of(Number(tag), arrival!),
  };
}

const COMMA = 0x2c;
const COLON = 0x3a;
const SEMICOLON = 0x3b;

/** A text that Redis answers. */
export function text(reply: Reply): string {
  return (reply as Buffer).toString('latin1');
}

/** A number, or the empty text for none. */
function optional(reply: Reply): number | undefined {
  return typeof reply === 'number' ? reply : undefined;
}
