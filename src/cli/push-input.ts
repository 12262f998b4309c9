import { WrongInput } from './push-remedy.js';

/** What goes out as one push. */
export interface Batch {
  /** The text of a JSON array of events. */
  readonly body: string;
  readonly events: number;
  /** Bytes of the input up to its end. */
  readonly readBytes: number;
  /** The line that each event is on; absent for an array. */
  readonly lines?: readonly number[];
}

type Decoder = InstanceType<typeof TextDecoder>;

export interface BatchLimits {
  readonly maxEvents: number;
  /** Whether a batch may end early, where no more has arrived yet. Batches are then not the same ones in a repeat. */
  readonly isLive: boolean;
}

/** Half of what a push may hold unless configured otherwise: a batch ends after the line that crosses it. */
const MAX_BATCH_CHARS = 512 * 1024;

/**
 * The pushes that an input makes. JSON lines become batches; a JSON array is one push, stored whole or not at all.
 *
 * @throws WrongInput naming the line that is no event
 */
export async function* batches(input: AsyncIterable<Buffer>, limits: BatchLimits): AsyncGenerator<Batch> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const lines = new LineBatches(limits.maxEvents);
  let form: 'array' | 'lines' | undefined;
  let array = '';
  for await (const chunk of input) {
    lines.readBytes += chunk.length;
    const text = decoded(decoder, chunk);
    form ??= formOf(text);
    if (form === 'array') {
      array += text;
      continue;
    }
    yield* lines.read(text);
    if (limits.isLive) yield* lines.flush();
  }
  if (form === 'array') yield arrayBatch(array, lines.readBytes);
  yield* lines.end();
}

/** By the first character that is not blank. */
function formOf(text: string): 'array' | 'lines' | undefined {
  const start = text.trimStart()[0];
  return start === undefined ? undefined : start === '[' ? 'array' : 'lines';
}

function decoded(decoder: Decoder, chunk: Buffer): string {
  try {
    return decoder.decode(chunk, { stream: true });
  } catch {
    throw new WrongInput('the input is not UTF-8');
  }
}

function arrayBatch(body: string, readBytes: number): Batch {
  const events: unknown = parsed(
    body,
    () => new WrongInput('the input begins like a JSON array and is none'),
  );
  return { body, events: (events as unknown[]).length, readBytes };
}

/** V8's error text quotes the input. */
function parsed(text: string, complaint: () => WrongInput): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw complaint();
  }
}

function notObject(line: number): WrongInput {
  return new WrongInput(
    `line ${line} is not a JSON object like {"accessid":"…","created_at":1,"payload":…}`,
    line,
  );
}

/** Lines that wait to go out together. */
class LineBatches {
  readBytes = 0;
  private number = 0;
  private rest = '';
  private texts: string[] = [];
  private lines: number[] = [];
  private chars = 0;

  constructor(private readonly maxEvents: number) {}

  *read(text: string): Generator<Batch> {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop()!;
    for (const line of lines) yield* this.add(line);
  }

  *end(): Generator<Batch> {
    yield* this.add(this.rest);
    yield* this.flush();
  }

  private *add(line: string): Generator<Batch> {
    this.number++;
    const text = line.trim();
    if (text === '') return;
    // By itself: two halves must not become one event by being joined.
    const complaint = () => notObject(this.number);
    const event = parsed(text, complaint);
    if (typeof event !== 'object' || event === null || Array.isArray(event)) throw complaint();
    this.texts.push(text);
    this.lines.push(this.number);
    this.chars += text.length;
    if (this.texts.length >= this.maxEvents || this.chars >= MAX_BATCH_CHARS) yield* this.flush();
  }

  *flush(): Generator<Batch> {
    if (this.texts.length === 0) return;
    const { texts, lines, readBytes } = this;
    this.texts = [];
    this.lines = [];
    this.chars = 0;
    yield { body: `[${texts.join(',')}]`, events: texts.length, readBytes, lines };
  }
}
