import { once } from 'node:events';
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

/** One block of a stream: a message, or a comment. */
export interface Block {
  readonly fields: Readonly<Record<string, string>>;
  /** The lines of `data:`, joined as the HTML standard says. */
  readonly data: string;
  readonly lines: readonly string[];
}

/** A client of server-sent events over a real socket, which reads no faster than it is asked to. */
export class EventStream {
  private readonly chunks: AsyncIterator<Buffer>;
  private rest = '';

  private constructor(private readonly response: IncomingMessage) {
    this.chunks = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  static async open(
    base: string,
    query: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<EventStream> {
    const url = `${base}/subscribe_to_events?${new URLSearchParams(query).toString()}`;
    const asking = request(url, { headers: { Accept: 'text/event-stream', ...headers }, agent: false });
    asking.end();
    const [response] = (await once(asking, 'response')) as [IncomingMessage];
    return new EventStream(response);
  }

  get status(): number {
    return this.response.statusCode!;
  }

  get headers(): IncomingHttpHeaders {
    return this.response.headers;
  }

  /** The next block, comments included; `undefined` at the end. */
  async nextBlock(): Promise<Block | undefined> {
    let end: number;
    while ((end = this.rest.indexOf('\n\n')) < 0) {
      const { value, done } = await this.chunks.next();
      if (done) return undefined;
      this.rest += value.toString('latin1');
    }
    const block = this.rest.slice(0, end);
    this.rest = this.rest.slice(end + 2);
    return parseBlock(Buffer.from(block, 'latin1').toString());
  }

  /** The next block that is no comment; `undefined` at the end. */
  async next(): Promise<Block | undefined> {
    for (;;) {
      const block = await this.nextBlock();
      if (!block || !isComment(block)) return block;
    }
  }

  /** The payloads of the next `count` events. */
  async payloads(count: number): Promise<unknown[]> {
    const payloads: unknown[] = [];
    while (payloads.length < count) {
      const block = await this.next();
      if (!block) throw new Error(`the stream ended after ${payloads.length} events`);
      if (block.fields['event'] !== undefined) throw new Error(`unexpected ${block.lines.join('|')}`);
      payloads.push((JSON.parse(block.data) as { payload: unknown }).payload);
    }
    return payloads;
  }

  /** The rest of the body as JSON, where the answer is no stream. */
  async json(): Promise<unknown> {
    let text = this.rest;
    for (;;) {
      const { value, done } = await this.chunks.next();
      if (done) return JSON.parse(text) as unknown;
      text += value.toString();
    }
  }

  close(): void {
    this.response.destroy();
  }
}

export function isComment({ lines }: Block): boolean {
  return lines.every((line) => line.startsWith(':'));
}

function parseBlock(text: string): Block {
  const lines = text.split('\n');
  const fields: Record<string, string> = {};
  const data: string[] = [];
  for (const line of lines) {
    const [, name, value] = /^([a-z]+): ?(.*)$/s.exec(line) ?? [];
    if (name === 'data') data.push(value!);
    else if (name !== undefined) fields[name] = value!;
  }
  return { fields, data: data.join('\n'), lines };
}
