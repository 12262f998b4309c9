import { Logger, type LoggerService } from '@nestjs/common';
import pino from 'pino';
import pretty from 'pino-pretty';
import type { LogLevel } from './config.js';

/** What Nest says of its own start: of interest to whoever changes this program. */
const NEST_CONTEXTS = new Set([
  'NestFactory',
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestApplication',
  'WebSocketsController',
]);

/** The log, on standard error: JSON lines on a pipe, readable on a terminal. Standard output is for the start line. */
export class Log implements LoggerService {
  private readonly pino: pino.Logger;

  constructor(level: LogLevel) {
    const stream = process.stderr.isTTY
      ? pretty({ destination: 2, sync: true, ignore: 'pid,hostname', translateTime: 'HH:MM:ss.l' })
      : unbreakable(pino.destination({ dest: 2, sync: true }));
    const options = { level, timestamp: pino.stdTimeFunctions.isoTime, base: { pid: process.pid } };
    this.pino = pino(options, stream);
  }

  log(message: unknown, context?: string): void {
    this.write(context !== undefined && NEST_CONTEXTS.has(context) ? 'debug' : 'info', message, context);
  }

  warn(message: unknown, context?: string): void {
    this.write('warn', message, context);
  }

  debug(message: unknown, context?: string): void {
    this.write('debug', message, context);
  }

  verbose(message: unknown, context?: string): void {
    this.write('trace', message, context);
  }

  fatal(message: unknown, context?: string): void {
    this.write('fatal', message, context);
  }

  /** Nest's convention: `(message, stack?, context?)`. */
  error(message: unknown, ...rest: unknown[]): void {
    const context = rest.at(-1);
    const stack = rest.length > 1 ? rest[0] : undefined;
    // What Nest says of a start that failed, with its stack: the program ends with the same in one line.
    const level = context === 'ExceptionHandler' ? 'debug' : 'error';
    const fields = stack === undefined ? message : { msg: message, stack };
    this.write(level, fields, typeof context === 'string' ? context : undefined);
  }

  private write(level: pino.Level, message: unknown, context: string | undefined): void {
    // Two lines a connection that nobody wants to see are 3 % of a storm of them.
    if (!this.pino.isLevelEnabled(level)) return;
    const from = context === undefined ? {} : { context };
    if (message instanceof Error) this.pino[level]({ ...from, err: message }, message.message);
    else if (typeof message === 'string') this.pino[level](from, message);
    else this.pino[level]({ ...from, ...(message as object) });
  }
}

/** Has `tell` say what the server's parts warn of, where a command uses them. */
export function warnBy(tell: (line: string) => void): void {
  Logger.overrideLogger({ log: () => undefined, warn: tell, error: tell });
}

/** A line that cannot be written, as to a file on a full disk, is lost: it ends nothing. */
function unbreakable<Stream extends NodeJS.EventEmitter>(stream: Stream): Stream {
  return stream.on('error', () => undefined);
}
