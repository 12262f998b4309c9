import { IncomingMessage } from 'node:http';

/** Who gets a body's bytes as the parser finds them. */
export interface BodySink {
  chunk(chunk: Buffer): void;
  end(): void;
}

/**
 * A request whose body can go straight from the parser to whoever wants all of it. A stream in between, with its buffering and events, costs a
 * third of what a small push costs in all (32 µs against 22 for a bare `node:http` server).
 */
export class DivertibleRequest extends IncomingMessage {
  private sink: BodySink | undefined;

  /** @returns whether `sink` gets the whole body: not if some of it is in the stream already */
  divert(sink: BodySink): boolean {
    if (this.complete || this.readableLength > 0) return false;
    this.sink = sink;
    // Node's own name, without documentation: once the answer is out, it has what nobody consumes read and thrown away. Here there is nothing: a small
    // push takes 0.97 of the time without (14 interleaved pairs).
    (this as { _consuming?: boolean })._consuming = true;
    return true;
  }

  /** What is still to come goes into the stream, to be read or thrown away there. */
  undivert(): void {
    this.sink = undefined;
  }

  /** Called by the parser, with `null` at the end. */
  override push(chunk: Buffer | null, encoding?: BufferEncoding): boolean {
    const { sink } = this;
    if (!sink) return super.push(chunk, encoding);
    if (chunk !== null) sink.chunk(chunk);
    else {
      // The parser keeps its last request until there is another one, and must not keep the body with it.
      this.sink = undefined;
      sink.end();
    }
    return true;
  }
}
