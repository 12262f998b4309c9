import { setTimeout as delay } from 'node:timers/promises';
import { drop } from '../support/http.js';
import { readWholeLog, RecordingClient } from './client.js';
import { keyOf, RecordingConnector } from './connector.js';
import { inTime } from './patience.js';
import type { Random } from '../support/random.js';
import type { PushedRecord, Recording } from './recording.js';

/** Whom most of the load is for. */
export const USERS = ['alice', 'bob', 'é😀', '{curly}', 'user-5', 'user-6'] as const;

/** Whom batches over many partitions are for: so many users are on every server of a cluster. */
const CROWD = Array.from({ length: 30 }, (_, i) => `crowd-${i}`);

/** How long logs may be unreadable in the end, when nothing is done to anything. */
const READ_MS = 30_000;

const CONNECTORS = 3;
const CLIENTS_A_USER = 2;

export interface WorkloadOptions {
  readonly urls: readonly string[];
  readonly random: Random;
  readonly isAtomic: boolean;
  readonly noticeMs: number;
}

/** Connectors, clients and drops over all nodes, and what all of them saw. */
export class Workload {
  readonly recording: Recording;
  private readonly urls: readonly string[];
  private readonly random: Random;
  private readonly clients: RecordingClient[];
  private readonly caller: RecordingConnector;
  private isPushing = true;
  private isOver = false;
  private pushing: Promise<void>[] = [];
  private connected: Promise<void>[] = [];

  constructor({ urls, random, ...promises }: WorkloadOptions) {
    this.urls = urls;
    this.random = random;
    this.recording = { pushes: [], clients: [], drops: [], faults: [], logs: [], answers: {}, ...promises };
    this.caller = new RecordingConnector(urls, random.fork(), this.recording);
    const client = (user: string, isRestless: boolean) =>
      new RecordingClient(user, urls, random.fork(), isRestless);
    this.clients = [
      ...USERS.flatMap((user) => Array.from({ length: CLIENTS_A_USER }, () => client(user, true))),
      ...CROWD.map((user) => client(user, false)),
    ];
  }

  start(): void {
    const mayGoOn = () => this.isPushing;
    this.connected = this.clients.map((client) =>
      client.run(
        () => this.isOver,
        () => !this.isPushing,
      ),
    );
    this.recording.clients.push(...this.clients.map(({ record }) => record));
    for (let i = 0; i < CONNECTORS; i++) {
      const connector = new RecordingConnector(this.urls, this.random.fork(), this.recording);
      this.pushing.push(connector.run(USERS, mayGoOn));
    }
    this.pushing.push(this.dropNowAndThen(this.random.fork()), this.pushNowAndThen(this.random.fork()));
  }

  /**
   * Pushes two events to each of many users, under one key and until it is answered `true`.
   *
   * @param firstNode the node that is asked first
   */
  pushToMany(firstNode: string, key = keyOf()): { records: readonly PushedRecord[]; stored: Promise<void> } {
    const records = this.caller.newEvents([...CROWD, ...CROWD]);
    return { records, stored: this.caller.push(records, key, firstNode) };
  }

  /** Whether some client has got some of these events. */
  isSeen(records: readonly PushedRecord[]): boolean {
    const names = new Set(records.map(({ name }) => name));
    return this.recording.clients.some(({ connections }) =>
      connections.at(-1)?.received.some(({ name }) => names.has(name)),
    );
  }

  /** Ends the pushes, lets every client come to the head, reads all logs, and ends. */
  async finish(deadlineMs: number): Promise<void> {
    const ends = Date.now() + deadlineMs;
    this.isPushing = false;
    await Promise.all(this.pushing);
    const last = this.caller.newEvents([...USERS, ...CROWD]);
    await this.caller.push(last, keyOf());
    const lastOf = new Map(last.map(({ user, name }) => [user, name]));
    const isThere = (client: RecordingClient) => client.hasNow(lastOf.get(client.record.user)!);
    while (Date.now() < ends && !this.clients.every(isThere)) await delay(100);
    for (const client of this.clients) client.record.caughtUp = isThere(client);
    const readEnds = Date.now() + READ_MS;
    for (const [user, name] of lastOf) {
      const received = await readWholeLog(this.urls, user, name, readEnds);
      this.recording.logs.push({ user, received });
    }
    this.isOver = true;
    await Promise.all(this.connected);
  }

  /** Seldom enough that an announcement that is lost is not made good by the next one. */
  private async pushNowAndThen(random: Random): Promise<void> {
    while (this.isPushing) {
      await this.pushToMany(random.pick(this.urls)).stored;
      for (let ms = random.integer(1000, 12_000); ms > 0 && this.isPushing; ms -= 100) await delay(100);
    }
  }

  private async dropNowAndThen(random: Random): Promise<void> {
    while (this.isPushing) {
      await delay(random.integer(500, 3000));
      const user = random.pick(USERS);
      const node = random.pick(this.urls);
      const began = Date.now();
      const answer = await inTime(drop(node, user));
      if (answer?.status === 200) this.recording.drops.push({ user, node, began, acknowledged: Date.now() });
    }
  }
}
