import { once } from 'node:events';
import { Logger } from '@nestjs/common';
import { Redis, type RedisOptions } from 'ioredis';
import { StoreUnavailableError } from '../notifier/event-log.js';
import type { RedisScript, Reply } from './redis-script.js';

/** As the client library takes them. */
export type ConnectionOptions = Omit<RedisOptions, 'replyMapping'>;

/** A push is answered within 2 s: this leaves the rest of the way its share. */
export const COMMAND_TIMEOUT_MS = 1800;

/** How often a server is asked for a sign of life. */
const PING_MS = 500;
/**
 * Questions without an answer after which it counts as silent, and after which the connection is given up for a new one,
 * perhaps to another server. Counted, not timed: a process that was stopped itself blames nobody.
 */
const SILENT = 3;
const GIVEN_UP = 6;

const MAX_RECONNECT_MS = 1000;

/**
 * What every connection has in common. Nothing is queued while it is down and nothing is sent again by itself: whether
 * an append may be repeated is for the one who asked for it to say.
 */
/** ioredis waits so long for the end of a connection, even of one that has ended, and keeps the process for it. */
export const DISCONNECT_TIMEOUT_MS = 100;

const COMMON: ConnectionOptions = {
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  commandTimeout: COMMAND_TIMEOUT_MS,
  connectTimeout: 2000,
  disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  protocol: 2,
  // Of no use to anybody here, and a right more.
  disableClientInfo: true,
  retryStrategy: (times) => Math.min(MAX_RECONNECT_MS, times * 50),
  // A master that was demoted says so: connect anew, to whoever is master now.
  reconnectOnError: (error) => error.message.startsWith('READONLY'),
};

/** What is told of a server's connections. */
export interface RedisServerListener {
  /** Commands can be sent, over a connection that is new. */
  connected(server: RedisServer): void;
  /** The command connection is gone, or nothing comes over it. */
  disconnected(server: RedisServer): void;
  /** Channels can be subscribed, over a connection that has none. */
  subscribable(server: RedisServer): void;
  message(channel: string, message: Buffer): void;
  /** A server cannot be connected to, or refuses what it is asked at the start, for instance a password. */
  failed(name: string, error: Error): void;
}

/** One Redis server: a connection for commands, and one for what it publishes. */
export class RedisServer {
  /** Grows whenever the command connection is lost: what was written before may be lost with it. */
  generation = 0;
  readonly commands: Redis;
  readonly subscriber: Redis;
  private readonly logger = new Logger(RedisServer.name);
  private unanswered = 0;
  private subscriberUnanswered = 0;
  private readonly timer: NodeJS.Timeout;
  private isSilent = true;
  private isClosed = false;
  private waiting: Promise<number> | undefined;
  private nextWait: Promise<number> | undefined;

  constructor(
    readonly name: string,
    options: ConnectionOptions,
    private readonly listener: RedisServerListener,
  ) {
    this.commands = new Redis({ ...COMMON, ...options });
    this.subscriber = new Redis({ ...COMMON, ...options });
    this.attend();
    this.timer = setInterval(() => this.beat(), PING_MS);
    this.keepAlive(this.commands);
    this.keepAlive(this.subscriber);
  }

  /** Whether it can be talked to, and answers. */
  get isReady(): boolean {
    return this.commands.status === 'ready' && !this.isSilent;
  }

  close(): void {
    clearInterval(this.timer);
    this.isClosed = true;
    this.commands.disconnect();
    this.subscriber.disconnect();
  }

  /**
   * Connects, and does so again where the library gives up: a promotion that is announced while it is connecting ends it
   * for good (ioredis 6.0, `SentinelConnector`).
   */
  private keepAlive(connection: Redis): void {
    const connect = () => {
      if (!this.isClosed) connection.connect().catch(() => undefined);
    };
    connection.on('end', () => setTimeout(connect, PING_MS).unref());
    connect();
  }

  private attend(): void {
    const { commands, subscriber, listener } = this;
    for (const connection of [commands, subscriber]) {
      let isTold = false;
      connection.on('connecting', () => (isTold = false));
      connection.on('error', (error: Refusal) => {
        // What follows from the first error of an attempt says less than it.
        if (!isTold) listener.failed(this.name, error);
        isTold = true;
        // The library would go on in database 0, which may be somebody else's.
        if (error.command?.name === 'select') connection.disconnect(true);
      });
    }
    commands.on('ready', () => this.heard());
    commands.on('close', () => {
      this.generation++;
      this.isSilent = true;
      listener.disconnected(this);
    });
    subscriber.on('ready', () => {
      this.subscriberUnanswered = 0;
      listener.subscribable(this);
    });
    const hear = (channel: Buffer, message: Buffer) => {
      try {
        listener.message(channel.toString(), message);
      } catch (error) {
        // Whoever may publish on a channel may publish anything. What an announcement would have said, the logs say.
        this.logger.warn(`a message on a channel cannot be read: ${String(error)}`);
      }
    };
    subscriber.on('messageBuffer', hear);
    subscriber.on('smessageBuffer', hear);
  }

  /**
   * The connection for what it publishes, once there is one.
   *
   * @throws Error where that takes longer
   */
  async subscribing(ms: number): Promise<Redis> {
    if (this.subscriber.status !== 'ready') {
      await once(this.subscriber, 'ready', { signal: AbortSignal.timeout(ms) });
    }
    return this.subscriber;
  }

  private heard(): void {
    this.unanswered = 0;
    if (!this.isSilent) return;
    this.isSilent = false;
    this.listener.connected(this);
  }

  private beat(): void {
    if (this.commands.status === 'ready') {
      if (++this.unanswered > SILENT && !this.isSilent) {
        this.isSilent = true;
        this.listener.disconnected(this);
      }
      if (this.unanswered > GIVEN_UP) return this.commands.disconnect(true);
      const heard = () => this.heard();
      this.commands.ping().then(heard, (error: Error) => isAnswer(error) && heard());
    }
    if (this.subscriber.status === 'ready') {
      if (++this.subscriberUnanswered > GIVEN_UP) return this.subscriber.disconnect(true);
      const heard = () => (this.subscriberUnanswered = 0);
      this.subscriber.ping().then(heard, (error: Error) => isAnswer(error) && heard());
    }
  }

  /**
   * Has the server know scripts before whatever is sent after this: one that must be sent a second time, with its text, is overtaken by what
   * was sent meanwhile. Where the user may not do that, and where they are lost while it is connected, it is so.
   */
  load(scripts: Iterable<RedisScript>): void {
    for (const { source } of scripts) this.commands.script('LOAD', source).catch(() => undefined);
  }

  /**
   * Runs a script, after `ASKING` where the cluster said so.
   *
   * @throws StoreUnavailableError where the connection is down and nothing was sent, or nothing was answered
   * @throws Error what the server answered
   */
  async run(
    script: RedisScript,
    keys: readonly string[],
    args: readonly (string | Buffer)[],
    isAsking = false,
  ): Promise<Reply> {
    if (!this.isReady) throw new StoreUnavailableError(`no connection to Redis at ${this.name}`);
    const send = (command: string, text: string) => {
      if (isAsking) this.commands.call('ASKING').catch(() => undefined);
      const reply = this.commands.callBuffer(command, text, keys.length, ...keys, ...args);
      return this.answerOf(reply as Promise<Reply>);
    };
    try {
      return await send('EVALSHA', script.sha);
    } catch (error) {
      if (!(error as Error).message.startsWith('NOSCRIPT')) throw error;
      return await send('EVAL', script.source);
    }
  }

  /**
   * How many replicas have all that was written over this connection so far. Callers that come while the server is asked
   * share the next question.
   */
  replicas(wanted: number, timeoutMs: number): Promise<number> {
    if (!this.waiting) return this.wait(wanted, timeoutMs);
    this.nextWait ??= this.waiting
      .catch(() => 0)
      .then(() => {
        this.nextWait = undefined;
        return this.wait(wanted, timeoutMs);
      });
    return this.nextWait;
  }

  private wait(wanted: number, timeoutMs: number): Promise<number> {
    const asked = this.answerOf(this.commands.wait(wanted, timeoutMs)).finally(() => {
      if (this.waiting === asked) this.waiting = undefined;
    });
    this.waiting = asked;
    return asked;
  }

  /** What the server answered. Where it did not, the library speaks of settings of its own, which nobody who reads a log can find. */
  private async answerOf<T>(reply: Promise<T>): Promise<T> {
    try {
      return await reply;
    } catch (error) {
      if (isAnswer(error as Error)) throw error;
      throw new StoreUnavailableError(`no answer from Redis at ${this.name}`, { cause: error });
    }
  }
}

/** An answer that says no, and to what. */
interface Refusal extends Error {
  readonly command?: { readonly name: string };
}

/** Whether a server has said no, and not nothing. */
function isAnswer(error: Error): boolean {
  return error.name === 'ReplyError';
}
