import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { event, push, type PushedBody } from './support/http.js';
import { SocketClient, type ReceivedEvent } from './support/socket-client.js';
import { eventually } from './support/wait.js';
import { spawnServer, startServer, type ServerProcess } from './support/start-server.js';

const USERS = ['a', 'b', 'c', 'd'];
const WORKERS = 8;
/** Rounds take a second each, most of it the start of a process. */
const TIMEOUT_MS = 600_000;

let dir: string;
let server: ServerProcess | undefined;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'notifier-kill-'));
});

afterEach(async () => {
  await server?.kill();
  await rm(dir, { recursive: true, force: true });
});

test(
  'fifty kills in the middle of pushes lose nothing that was answered, and double nothing',
  () => surviveKills('full', 50),
  TIMEOUT_MS,
);

test(
  'a server that does not wait for the disk loses nothing to a kill of the process either',
  () => surviveKills('process', 10),
  TIMEOUT_MS,
);

/** Every kind of kill in turn, all on one folder. */
async function surviveKills(sync: string, rounds: number): Promise<void> {
  const history = new History();
  for (let round = 0; round < rounds; round++) {
    if (round % 5 === 3) await killDuringStart(sync);
    server = await startServer(environment(sync));
    await repeatKeyed(server.url, history);
    await readOn(server.url, history);
    await pushUntilKilled(server, history, round);
  }
  server = await startServer(environment(sync));
  await repeatKeyed(server.url, history);
  await readOn(server.url, history);
  history.check();
  expect(await everything(server.url)).toEqual(history.read);
  expect(history.pushes.filter(({ isAnswered }) => !isAnswered).length).toBeGreaterThan(0);
}

function environment(sync: string): Record<string, string> {
  return {
    NOTIFIER_STORE: 'lmdb',
    NOTIFIER_DATA_DIR: dir,
    NOTIFIER_SYNC: sync,
    NOTIFIER_BUFFER_EVENTS: '1000000',
    NOTIFIER_BUFFER_BYTES: '1073741824',
    NOTIFIER_LOG_LEVEL: 'error',
  };
}

/** A push as it was sent, and what is known of it. */
interface SentPush {
  readonly number: number;
  readonly worker: number;
  readonly body: string;
  readonly events: readonly PushedBody[];
  readonly key: string | undefined;
  isAnswered: boolean;
}

interface Payload {
  readonly push: number;
  readonly i: number;
}

/** All that was pushed and all that was read, over all lives of the server. */
class History {
  readonly pushes: SentPush[] = [];
  readonly read = new Map<string, ReceivedEvent[]>(USERS.map((user) => [user, []]));

  /** One event, or many; to one user, or to several; with a key, or without. */
  next(worker: number): SentPush {
    const number = this.pushes.length;
    const size = number % 7 === 0 ? 200 : 1 + (number % 3);
    const events = Array.from({ length: size }, (_, i) => {
      const user = USERS[(number + (number % 2) * i) % USERS.length]!;
      return event(user, number, { push: number, i, padding: 'x'.repeat(number % 400) });
    });
    const key = number % 3 === 0 ? `key-${number}` : undefined;
    const sent = { number, worker, body: JSON.stringify(events), events, key, isAnswered: false };
    this.pushes.push(sent);
    return sent;
  }

  /** How often a push is in the logs. @throws where it is there in part, or not in its order */
  timesStored(sent: SentPush, payloads: ReadonlyMap<string, readonly Payload[]>): number {
    const times = new Set<number>();
    for (const user of new Set(sent.events.map(({ accessid }) => accessid))) {
      const wanted = sent.events.flatMap(({ accessid }, i) => (accessid === user ? [i] : []));
      const found = payloads.get(`${sent.number} ${user}`)?.map(({ i }) => i) ?? [];
      times.add(found.length / wanted.length);
      for (let at = 0; at < found.length; at += wanted.length) {
        expect(found.slice(at, at + wanted.length)).toEqual(wanted);
      }
    }
    expect(times.size).toBe(1);
    return [...times][0]!;
  }

  check(): void {
    const payloads = new Map<string, Payload[]>();
    for (const [user, events] of this.read) {
      for (const { payload } of events as { payload: Payload }[]) {
        const place = `${payload.push} ${user}`;
        const there = payloads.get(place);
        if (there) there.push(payload);
        else payloads.set(place, [payload]);
      }
    }
    for (const sent of this.pushes) {
      const times = this.timesStored(sent, payloads);
      if (sent.isAnswered) expect({ push: sent.number, times }).toEqual({ push: sent.number, times: 1 });
      else expect(times).toBeLessThanOrEqual(1);
    }
    this.checkIds();
    this.checkOrder();
  }

  private checkIds(): void {
    const ids = [...this.read.values()].flatMap((events) => events.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
  }

  /** A worker sends its next push once the last one is answered: a log has them in this order. Repeats after a restart come later. */
  private checkOrder(): void {
    for (const events of this.read.values()) {
      const newest = new Map<number, number>();
      for (const { payload } of events as { payload: Payload }[]) {
        const { worker, number, key } = this.pushes[payload.push]!;
        if (key !== undefined) continue;
        expect(number).toBeGreaterThanOrEqual(newest.get(worker) ?? 0);
        newest.set(worker, number);
      }
    }
  }
}

/** Pushes from many sides until the process is gone. */
async function pushUntilKilled(killed: ServerProcess, history: History, round: number): Promise<void> {
  const workers = Array.from({ length: WORKERS }, (_, worker) => pushOn(killed, history, worker));
  await delay(20 + Math.random() * 150);
  if (round % 5 === 4) {
    killed.signal('SIGTERM');
    await delay(Math.random() * 100);
  }
  await killed.kill();
  await Promise.all(workers);
}

async function pushOn(killed: ServerProcess, history: History, worker: number): Promise<void> {
  while (killed.isAlive) {
    const sent = history.next(worker);
    const answer = await push(killed.url, sent.body, keyHeader(sent)).catch(() => undefined);
    // Without an answer, or with a 503 during the shutdown, it may or may not be stored.
    if (answer?.status !== 200) return;
    sent.isAnswered = true;
  }
}

function keyHeader({ key }: SentPush): Record<string, string> {
  return key === undefined ? {} : { 'Idempotency-Key': key };
}

/** Repeats what had a key, whether or not it was answered: from then on it is stored once. */
async function repeatKeyed(url: string, history: History): Promise<void> {
  const keyed = history.pushes.slice(-100).filter(({ key }) => key !== undefined);
  for (const sent of keyed) {
    await eventually(() => isStored(url, sent), `push ${sent.number} is stored`);
    sent.isAnswered = true;
  }
}

/** @returns false where the disk is slow, and it is to be tried again */
async function isStored(url: string, sent: SentPush): Promise<boolean> {
  const { status, text } = await push(url, sent.body, keyHeader(sent));
  if (status !== 503) expect({ push: sent.number, text }).toEqual({ push: sent.number, text: 'true' });
  return status !== 503;
}

/** Reads on in every log from the last event read, which every restart must remember. */
async function readOn(url: string, history: History): Promise<void> {
  for (const [user, events] of history.read) {
    events.push(...(await readAfter(url, user, events.at(-1)?.id ?? null)));
  }
}

async function everything(url: string): Promise<Map<string, ReceivedEvent[]>> {
  const all = new Map<string, ReceivedEvent[]>();
  for (const user of USERS) all.set(user, await readAfter(url, user, null));
  return all;
}

async function readAfter(url: string, user: string, id: string | null): Promise<ReceivedEvent[]> {
  const client = await SocketClient.subscribe(url, { access_id: user, timestamp: 0, last_event_id: id });
  await client.until(({ hasReachedHead }) => hasReachedHead);
  expect(client.subscribed()?.recovered).toBe(true);
  await client.terminate();
  return client.events();
}

/** A start that is cut off, wherever it has got to. */
async function killDuringStart(sync: string): Promise<void> {
  const starting = await spawnServer(environment(sync));
  await delay(Math.random() * 600);
  await starting.kill();
}
