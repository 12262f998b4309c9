import { setTimeout as delay } from 'node:timers/promises';
import { drop, push } from '../support/http.js';
import { SocketClient } from '../support/socket-client.js';
import type { Random } from './random.js';
import type { ClientRecord, ConnectionRecord, PushedRecord, Recording } from './recording.js';

/** How long a client or connector waits for anything before it turns to another node. */
const PATIENCE_MS = 4000;
const ATTEMPTS = 30;

/** Connectors and clients that do what real ones do, and note all that they see. */
export class Workload {
  readonly recording: Recording;
  private isPushing = true;
  private isOver = false;
  private readonly running: Promise<void>[] = [];
  private count = 0;

  constructor(
    private readonly urls: readonly string[],
    private readonly users: readonly string[],
    private readonly random: Random,
    dropGraceMs: number,
  ) {
    this.recording = { pushes: [], clients: [], drops: [], dropGraceMs, mayRepeat: false };
  }

  start(): void {
    for (let i = 0; i < 3; i++) this.running.push(this.connector(this.random.fork()));
    this.running.push(this.dropper(this.random.fork()));
    for (const user of this.users) {
      for (let i = 0; i < 2; i++) this.running.push(this.client(user, this.random.fork()));
    }
  }

  /** Ends the pushes, lets every client come to the head, and ends. */
  async finish(deadlineMs: number): Promise<void> {
    this.isPushing = false;
    const ends = Date.now() + deadlineMs;
    await delay(1000);
    while (Date.now() < ends && this.recording.clients.some((client) => !this.isThere(client)))
      await delay(100);
    for (const client of this.recording.clients) client.caughtUp = this.isThere(client);
    this.isOver = true;
    await Promise.all(this.running);
  }

  /** Whether a client has got the newest event that any client of its user has got, on an open connection. */
  private isThere({ user, connections }: ClientRecord): boolean {
    const open = connections.at(-1);
    if (open?.subscribed === undefined || open.ended !== undefined) return false;
    const got = new Set(connections.flatMap(({ received }) => received.map(({ name }) => name)));
    const missing = this.recording.pushes.filter(
      ({ user: of, acknowledged, name, began }) =>
        of === user && acknowledged !== undefined && began > connections[0]!.subscribed! && !got.has(name),
    );
    const since = stretchBegin(connections);
    return missing.every(({ began }) => began < since);
  }

  private async connector(random: Random): Promise<void> {
    while (this.isPushing) {
      const records = Array.from({ length: random.integer(1, 6) }, () =>
        this.newEvent(random.pick(this.users)),
      );
      this.recording.pushes.push(...records);
      const key = random.chance(0.9) ? `key-${records[0]!.name}` : undefined;
      await this.deliver(records, key, random);
      await delay(random.integer(0, 40));
    }
  }

  private newEvent(user: string): PushedRecord {
    return { name: `e${++this.count}`, user, began: Date.now(), acknowledged: undefined };
  }

  /** Pushes until it is answered `true`; without a key only once, since a repeat might be stored twice. */
  private async deliver(
    records: readonly PushedRecord[],
    key: string | undefined,
    random: Random,
  ): Promise<void> {
    const events = records.map(({ user, name }, i) => ({ accessid: user, created_at: i, payload: name }));
    const headers = key === undefined ? {} : { 'Idempotency-Key': key };
    for (let attempt = 0; attempt < (key === undefined ? 1 : ATTEMPTS) && !this.isOver; attempt++) {
      const asked = push(random.pick(this.urls), events, headers);
      const answer = await inTime(asked);
      if (answer?.status === 200) {
        for (const record of records) record.acknowledged = Date.now();
        return;
      }
      await delay(random.integer(20, 200));
    }
  }

  private async dropper(random: Random): Promise<void> {
    while (this.isPushing) {
      await delay(random.integer(1500, 4000));
      const user = random.pick(this.users);
      const began = Date.now();
      const answer = await inTime(drop(random.pick(this.urls), user));
      if (answer?.status === 200) this.recording.drops.push({ user, began, acknowledged: Date.now() });
    }
  }

  private async client(user: string, random: Random): Promise<void> {
    const record: ClientRecord = { user, connections: [], caughtUp: false };
    this.recording.clients.push(record);
    let lastEventId: string | null = null;
    while (!this.isOver) {
      const connection: ConnectionRecord = {
        user,
        subscribed: undefined,
        recovered: false,
        received: [],
        ended: undefined,
        closeCode: undefined,
      };
      record.connections.push(connection);
      lastEventId = await this.connect(connection, lastEventId, random);
      connection.ended = Date.now();
      if (connection.subscribed === undefined) record.connections.pop();
      if (!this.isOver) await delay(random.integer(10, 200));
    }
  }

  /** One connection, until either side ends it. Returns the id to resume from. */
  private async connect(
    connection: ConnectionRecord,
    lastEventId: string | null,
    random: Random,
  ): Promise<string | null> {
    const first = { access_id: connection.user, last_event_id: lastEventId };
    const client = await inTime(SocketClient.subscribe(random.pick(this.urls), first));
    if (!client) return lastEventId;
    let heard = Date.now();
    const note = () => (heard = Date.now());
    client.ws.on('message', note);
    client.ws.on('ping', note);
    let id = lastEventId;
    const take = (text: string) => {
      const message = JSON.parse(text) as
        { subscribed?: { recovered: boolean; last_event_id: string } } | Event[];
      if (Array.isArray(message)) {
        for (const event of message) {
          connection.received.push({ id: event.id, name: event.payload, accessId: event.accessid });
          id = event.id;
        }
        return;
      }
      connection.subscribed = Date.now();
      connection.recovered = message.subscribed!.recovered;
      id = message.subscribed!.last_event_id;
    };
    for (const text of client.texts) take(text);
    client.ws.on('message', (data: Buffer) => take(data.toString()));
    const leaves = Date.now() + random.integer(500, 8000);
    if (random.chance(0.15)) await this.readSlowly(client);
    while (client.closeCode === undefined && !this.isOver) {
      await delay(20);
      if (this.isPushing && Date.now() > leaves) break;
      if (Date.now() - heard > PATIENCE_MS) break;
    }
    connection.closeCode = client.closeCode;
    client.ws.removeAllListeners('message');
    client.ws.terminate();
    return id;
  }

  private async readSlowly(client: SocketClient): Promise<void> {
    for (let i = 0; i < 10 && client.closeCode === undefined && !this.isOver; i++) {
      client.pause();
      await delay(60);
      client.resume();
      await delay(10);
    }
  }
}

interface Event {
  readonly id: string;
  readonly accessid: string;
  readonly payload: string;
}

/** When the part of a client's life began that has no gap in it. */
function stretchBegin(connections: readonly ConnectionRecord[]): number {
  const told = connections.filter(({ subscribed }) => subscribed !== undefined);
  return (told.findLast(({ recovered }) => !recovered) ?? told[0])?.subscribed ?? Infinity;
}

/** What comes of it, or nothing where it fails or takes too long. */
async function inTime<T>(work: Promise<T>): Promise<T | undefined> {
  const late = delay(PATIENCE_MS, undefined, { ref: false });
  return Promise.race([work.catch(() => undefined), late]);
}
