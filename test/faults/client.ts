import { setTimeout as delay } from 'node:timers/promises';
import { SocketClient } from '../support/socket-client.js';
import { inTime, PATIENCE_MS } from './patience.js';
import type { Random } from '../support/random.js';
import type { ClientRecord, ConnectionRecord, ReceivedRecord } from './recording.js';

/** Every how often a client looks whether it should go. */
const LOOK_MS = 50;

/** How long a connection of a restless client lasts. */
const STAY_MS = [500, 8000] as const;

/** How long it takes to come back, and how long it takes a restless client at times: what happens meanwhile it only reads. */
const RETURN_MS = [10, 200] as const;
const AWAY_MS = [1000, 10_000] as const;

interface Event {
  readonly id: string;
  readonly accessid: string;
  readonly payload: string;
}

interface Subscribed {
  readonly subscribed: { readonly recovered: boolean; readonly last_event_id: string };
}

/** A client that does what real ones do (it resumes where it was, on any node) and notes all that it sees. */
export class RecordingClient {
  readonly record: ClientRecord;
  private lastEventId: string | null = null;

  constructor(
    user: string,
    private readonly urls: readonly string[],
    private readonly random: Random,
    /** Whether it leaves and reads slowly at times. Others stay until the connection ends. */
    private readonly isRestless: boolean,
  ) {
    this.record = { user, connections: [], caughtUp: false };
  }

  /** Whether an event has come over the connection that is open now, or that connection began with it. */
  hasNow(name: string): boolean {
    const { connections } = this.record;
    const open = connections.at(-1);
    if (open?.subscribed === undefined || open.ended !== undefined) return false;
    const newest = connections.flatMap(({ received }) => received).findLast((event) => event.name === name);
    // Who had it, lost the connection and came back to where it was is not sent it again.
    return newest !== undefined && (open.received.includes(newest) || open.from === newest.id);
  }

  /** Connects again and again until `isOver`. */
  async run(isOver: () => boolean, isQuiet: () => boolean): Promise<void> {
    while (!isOver()) {
      const connection: ConnectionRecord = {
        user: this.record.user,
        node: this.random.pick(this.urls),
        asked: this.lastEventId,
        from: undefined,
        subscribed: undefined,
        recovered: false,
        received: [],
        ended: undefined,
        closeCode: undefined,
      };
      this.record.connections.push(connection);
      await this.connect(connection, isOver, isQuiet);
      connection.ended = Date.now();
      if (connection.subscribed === undefined) this.record.connections.pop();
      const isAway = this.isRestless && this.random.chance(0.25);
      const [min, max] = isAway ? AWAY_MS : RETURN_MS;
      await this.stayAway(this.random.integer(min, max), isQuiet);
    }
  }

  private async stayAway(ms: number, isQuiet: () => boolean): Promise<void> {
    const until = Date.now() + ms;
    do await delay(Math.min(ms, LOOK_MS));
    while (Date.now() < until && !isQuiet());
  }

  /** One connection, until either side ends it. */
  private async connect(
    connection: ConnectionRecord,
    isOver: () => boolean,
    isQuiet: () => boolean,
  ): Promise<void> {
    const first = { access_id: connection.user, last_event_id: this.lastEventId };
    const client = await open(connection.node, first);
    if (!client) return;
    let heard = Date.now();
    const note = () => (heard = Date.now());
    client.ws.on('ping', note);
    client.ws.on('message', (data: Buffer) => {
      note();
      this.take(connection, data.toString());
    });
    for (const text of client.texts) this.take(connection, text);
    const leaves = this.isRestless && this.random.chance(0.7) ? this.random.integer(...STAY_MS) : Infinity;
    const leaveAt = Date.now() + leaves;
    if (this.isRestless && this.random.chance(0.15)) await readSlowly(client, isOver);
    while (client.closeCode === undefined && !isOver()) {
      await delay(LOOK_MS);
      client.texts.length = 0;
      if (!isQuiet() && Date.now() > leaveAt) break;
      if (Date.now() - heard > PATIENCE_MS) break;
    }
    connection.closeCode = client.closeCode;
    client.ws.removeAllListeners('message');
    client.ws.terminate();
  }

  private take(connection: ConnectionRecord, text: string): void {
    const message = JSON.parse(text) as Subscribed | Event[];
    if (Array.isArray(message)) {
      connection.received.push(...message.map(received));
      this.lastEventId = message.at(-1)?.id ?? this.lastEventId;
      return;
    }
    connection.subscribed = Date.now();
    connection.recovered = message.subscribed.recovered;
    connection.from = message.subscribed.last_event_id;
    this.lastEventId = connection.from;
  }
}

/**
 * Reads all that the log of a user holds up to an event; undefined where no node shows it until `ends`. On a machine that stands
 * still for a second, sentinels promote somebody without being made to, and for a moment nobody can read.
 */
export async function readWholeLog(
  urls: readonly string[],
  user: string,
  last: string,
  ends: number,
): Promise<ReceivedRecord[] | undefined> {
  for (let i = 0; i < urls.length || Date.now() < ends; i++) {
    const log = await readLog(urls[i % urls.length]!, user, last);
    if (log) return log;
    await delay(LOOK_MS);
  }
  return undefined;
}

async function readLog(url: string, user: string, last: string): Promise<ReceivedRecord[] | undefined> {
  const client = await open(url, { access_id: user, last_event_id: null, timestamp: 0 });
  if (!client) return undefined;
  const isRead = () => client.texts.at(-1)?.includes(`"${last}"`) ?? false;
  await client.until(() => isRead() || client.closeCode !== undefined).catch(() => undefined);
  client.ws.terminate();
  if (client.events().at(-1)?.payload !== last) return undefined;
  return (client.events() as readonly unknown[] as Event[]).map(received);
}

function received({ id, payload, accessid }: Event): ReceivedRecord {
  return { id, name: payload, accessId: accessid, at: Date.now() };
}

function open(url: string, first: object): Promise<SocketClient | undefined> {
  return inTime(SocketClient.subscribe(url, first, { handshakeTimeout: PATIENCE_MS }), PATIENCE_MS + 1000);
}

async function readSlowly(client: SocketClient, isOver: () => boolean): Promise<void> {
  for (let i = 0; i < 10 && client.closeCode === undefined && !isOver(); i++) {
    client.pause();
    await delay(60);
    client.resume();
    await delay(10);
  }
}
