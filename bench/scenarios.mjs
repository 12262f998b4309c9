// What is measured. Each scenario drives a running server and returns figures; `events` per CPU-second of the server is what counts, since other load on the
// machine changes it least.
import { setTimeout as delay } from 'node:timers/promises';
import { eventJson, follow, httpConnector, socketConnector, subscribe } from './clients.mjs';

const CONNECTORS = 8;
const SECONDS = 3;
const OPEN_LOOP_SECONDS = 4;
const IDLE_CONNECTIONS = 5000;

const user = (i) => `bench-${String(i).padStart(6, '0')}`;

async function until(condition, what) {
  const deadline = Date.now() + 60_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`not within a minute: ${what}`);
    await delay(5);
  }
}

/** `batch` events a push, spread over the users, all of them connected. */
async function fanout(server, { users, batch, connect = httpConnector, perUser = 1 }) {
  let received = 0;
  const subscribers = [];
  for (let i = 0; i < users * perUser; i++) {
    subscribers.push(subscribe(server.url, user(i % users), (n) => (received += n)));
  }
  await Promise.all(subscribers.map(({ opened }) => opened));
  await delay(300);
  const connectors = await Promise.all(
    Array.from({ length: perUser > 1 ? 1 : CONNECTORS }, () => connect(server.url)),
  );
  let pushed = 0;
  let next = 0;
  const pushUntil = (end) =>
    Promise.all(
      connectors.map(async (connector) => {
        while (Date.now() < end) {
          const events = Array.from({ length: batch }, () => eventJson(user(next++ % users), Date.now()));
          await connector.push(`[${events.join()}]`);
          pushed += batch;
          // Of one user with many connections, the next push waits for all copies of the last.
          if (perUser > 1) await until(() => received >= pushed * perUser, 'all copies');
        }
      }),
    );
  await pushUntil(Date.now() + 1000);
  await until(() => received >= pushed * perUser, 'what was pushed to warm up');
  const before = { received, cpu: server.cpuSeconds(), at: performance.now() };
  await pushUntil(Date.now() + SECONDS * 1000);
  await until(() => received >= pushed * perUser, 'every event');
  const events = received - before.received;
  const cpu = server.cpuSeconds() - before.cpu;
  const seconds = (performance.now() - before.at) / 1000;
  for (const closable of [...subscribers, ...connectors]) closable.close();
  return { figure: events / cpu, perSecond: events / seconds, correct: received === pushed * perUser };
}

/**
 * Pushes of one event at their times, whatever the answers do: an event's lateness counts from when it was to be sent, so that a server that stops for a while
 * pays for all that it kept waiting. The figure is pushes a second that would fit one after the other into the 99th percentile.
 */
async function openLoop(server, { users, rate, connectors: count }) {
  const lateness = [];
  let start = Infinity;
  const follower = (number) => {
    if (number >= 0) lateness.push(performance.now() - start - (number * 1000) / rate);
  };
  const subscribers = Array.from({ length: users }, (_, i) => follow(server.url, user(i), follower));
  await Promise.all(subscribers.map(({ opened }) => opened));
  await delay(300);
  const connectors = await Promise.all(Array.from({ length: count }, () => httpConnector(server.url)));
  const push = (number) =>
    connectors[Math.abs(number) % count].push(`[${eventJson(user(Math.abs(number) % users), 1, number)}]`);
  for (let i = 1; i <= rate; i++) {
    void push(-i);
    if (i % 100 === 0) await delay(5);
  }
  await delay(500);
  const total = rate * OPEN_LOOP_SECONDS;
  start = performance.now();
  for (let sent = 0; sent < total;) {
    const due = Math.min(total, Math.floor(((performance.now() - start) * rate) / 1000));
    while (sent < due) void push(sent++);
    await delay(1);
  }
  await until(() => lateness.length >= total, 'every event');
  for (const closable of [...subscribers, ...connectors]) closable.close();
  lateness.sort((a, b) => a - b);
  const p99 = lateness[Math.floor(total * 0.99)];
  return { figure: 1000 / p99, p99, correct: lateness.length === total };
}

/** 100 events buffered for each of 1,000 users, who then all connect at once. */
async function replay(server) {
  const users = 1000;
  const perUser = 100;
  const connector = await httpConnector(server.url);
  for (let i = 0; i < users; i++) {
    const events = Array.from({ length: perUser }, () => eventJson(user(i), Date.now()));
    await connector.push(`[${events.join()}]`);
  }
  let received = 0;
  const before = { cpu: server.cpuSeconds(), at: performance.now() };
  const subscribers = Array.from({ length: users }, (_, i) =>
    subscribe(server.url, user(i), (n) => (received += n)),
  );
  await until(() => received >= users * perUser, 'every event');
  const seconds = (performance.now() - before.at) / 1000;
  const cpu = server.cpuSeconds() - before.cpu;
  for (const closable of [...subscribers, connector]) closable.close();
  return { figure: received / cpu, perSecond: received / seconds, correct: received === users * perUser };
}

/** Connections that do nothing. The figure is connections per MiB. */
async function idle(server) {
  const before = server.pssBytes();
  const subscribers = [];
  for (let i = 0; i < IDLE_CONNECTIONS; i += 200) {
    const some = Array.from({ length: 200 }, (_, j) => subscribe(server.url, user(i + j), () => undefined));
    subscribers.push(...some);
    await Promise.all(some.map(({ opened }) => opened));
  }
  await delay(5000);
  const bytes = (server.pssBytes() - before) / IDLE_CONNECTIONS;
  for (const subscriber of subscribers) subscriber.close();
  return { figure: 1024 / (bytes / 1024), kibPerConnection: bytes / 1024, correct: true };
}

export const SCENARIOS = {
  'fanout-1': (server) => fanout(server, { users: 1000, batch: 1 }),
  'fanout-1 over the push WebSocket': (server, target) =>
    fanout(server, { users: 1000, batch: 1, connect: target === 'floor' ? httpConnector : socketConnector }),
  'fanout-100': (server) => fanout(server, { users: 1000, batch: 100 }),
  'fanout-100, 16 users': (server) => fanout(server, { users: 16, batch: 100 }),
  'hot: 1 user, 1,000 connections': (server) => fanout(server, { users: 1, batch: 1, perUser: 1000 }),
  replay,
  'open loop, 10,000/s': (server) => openLoop(server, { users: 1000, rate: 10_000, connectors: 64 }),
  idle,
};
