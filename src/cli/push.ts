import { randomUUID } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { apiKeyOf, unreadable, urlOf, type ServerOptions } from './credentials.js';
import { EXIT } from './exit-codes.js';
import { Failure, failureOf } from './failure.js';
import { Progress } from './progress.js';
import { batches, type Batch } from './push-input.js';
import { PushLink } from './push-link.js';
import { withRemedy, WrongInput } from './push-remedy.js';
import { remark } from './terminal.js';

export interface PushOptions extends ServerOptions {
  readonly file?: string;
  readonly at?: number;
  readonly text?: true;
  readonly batch: number;
  readonly key?: string;
  readonly giveUp: number;
}

interface Input {
  readonly chunks: AsyncIterable<Buffer>;
  readonly totalBytes: number | undefined;
  readonly isLive: boolean;
}

/** Pushes an event from the arguments, or the events of a file or of standard input, in their order, each once. */
export async function push(accessId: string | undefined, payload: string | undefined, options: PushOptions) {
  const input = inputOf(accessId, payload, options);
  const progress = new Progress(input.totalBytes);
  const url = urlOf(options, '/push_events');
  const link = new PushLink(url, apiKeyOf(options), options.giveUp * 1000, (why) =>
    progress.remark(`${why}; trying again`),
  );
  try {
    await pushAll(input, link, progress, options);
  } finally {
    link.close();
  }
  progress.finish();
}

/** One push after the other: with several on their way, one that had to be tried again would be overtaken. */
async function pushAll(
  input: Input,
  link: PushLink,
  progress: Progress,
  options: PushOptions,
): Promise<void> {
  const run = options.key ?? randomUUID();
  const isLive = input.isLive && options.key === undefined;
  let number = 0;
  let lastLine: number | undefined;
  try {
    for await (const batch of batches(input.chunks, { maxEvents: options.batch, isLive })) {
      const key = JSON.stringify(`${run}/${number++}`);
      await link.push(`{"idempotency_key":${key},"events":${batch.body}}`).catch((error: unknown) => {
        throw withLine(error, batch);
      });
      lastLine = batch.lines?.at(-1);
      progress.stored(batch.events, batch.readBytes);
    }
  } catch (error) {
    progress.clear();
    const stored = { events: progress.events, lastLine, run: isLive ? undefined : run };
    throw withRemedy(failureOf(readFailure(error, options)), stored);
  }
}

function inputOf(accessId: string | undefined, payload: string | undefined, options: PushOptions): Input {
  if (accessId !== undefined) {
    if (options.file !== undefined)
      throw wrongInput('an event in the arguments and --file exclude each other');
    if (payload === undefined) throw wrongInput('the event has no payload');
    const line = eventText(accessId, payload, options);
    return { chunks: chunksOf(line), totalBytes: undefined, isLive: false };
  }
  if (options.file !== undefined && options.file !== '-') {
    return { chunks: chunksOfFile(options.file), totalBytes: sizeOf(options.file), isLive: false };
  }
  if (process.stdin.isTTY) remark('reading events from the terminal, one a line; end with Ctrl+D');
  return { chunks: process.stdin as AsyncIterable<Buffer>, totalBytes: undefined, isLive: true };
}

function wrongInput(message: string): Failure {
  const hint =
    'notifier push client1 \'{"text":"hello"}\', or --file events.jsonl, or events on standard input';
  return new Failure(EXIT.usage, message, hint);
}

/** Opened when it is read: a stream whose error nobody waits for yet would end the process with it. */
async function* chunksOfFile(path: string): AsyncGenerator<Buffer> {
  yield* createReadStream(path) as AsyncIterable<Buffer>;
}

async function* chunksOf(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

/** The payload's text goes out as it is. */
function eventText(accessId: string, payload: string, { at = Date.now(), text }: PushOptions): string {
  const json = text || !isJson(payload) ? JSON.stringify(payload) : payload.replaceAll(/[\r\n]+/g, ' ');
  return `{"accessid":${JSON.stringify(accessId)},"created_at":${at},"payload":${json}}`;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** The server counts in its batch; whoever corrects the file, in lines. */
function withLine(error: unknown, { lines }: Batch): unknown {
  if (!(error instanceof WrongInput)) return error;
  const { message, remedy } = error;
  // An array is one push, whatever --batch says.
  if (!lines) return new WrongInput(message, undefined, remedy && 'make lines or several arrays of it');
  const [place = '', index = NaN] = /^events\[(\d+)\]/.exec(message) ?? [];
  const line = lines[Number(index)];
  return line === undefined
    ? error
    : new WrongInput(`line ${line}: event${message.slice(place.length)}`, line);
}

function readFailure(error: unknown, { file }: PushOptions): unknown {
  const isOfFile = (error as NodeJS.ErrnoException).syscall !== undefined;
  return isOfFile && file !== undefined ? unreadable(file, error) : error;
}
