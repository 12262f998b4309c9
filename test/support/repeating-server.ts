import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { BadRequestException } from '@nestjs/common';
import { answerError, answerTrue } from '../../src/http/answer.js';
import { DivertibleRequest } from '../../src/http/divertible-request.js';
import { RepeatedRequest } from '../../src/http/repeated-request.js';
import { RepeatingConnection } from '../../src/http/repeating-connection.js';
import { BodyReader } from '../../src/http/request-body.js';
import { Gates } from './gates.js';
import type { ErrorAnswer } from './http.js';
import { RawSocket } from './raw-socket.js';

/** What a handler was given. */
interface Seen {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** So often a connection sends the same head before it is read without the parser. */
export const HABIT: readonly string[] = ['1', '2', '3'];

export const HEAD = 'POST /push HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n';

/** A request as most clients write it. */
export function written(body: string, more = ''): string {
  return `${HEAD}${more}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/**
 * A server with one client that speaks to it, one chunk at a time. It answers `true`, to what begins with `!` with an error that has it as its message; what comes to `/push` is
 * frequent.
 */
export class RepeatingServer {
  seen: Seen[] = [];
  /** How many of them no parser has read. */
  repetitions = 0;
  last: IncomingMessage | undefined;
  client!: RawSocket;
  /** The server's end of the connection. */
  socket!: Socket;
  readonly server: Server;
  /** `answer`: where a request has been seen and is not answered yet. */
  readonly gates = new Gates();
  private readonly body = new BodyReader(1000);

  private constructor() {
    this.server = createServer({ IncomingMessage: DivertibleRequest }, (request, response) => {
      const isFrequent = request.url === '/push';
      if (isFrequent) RepeatingConnection.of(request.socket).note(request, response, this.handle);
      void this.handle(request, response);
    });
  }

  static async start(): Promise<RepeatingServer> {
    const started = new RepeatingServer();
    started.server.listen(0, '127.0.0.1');
    await once(started.server, 'listening');
    await started.connect();
    return started;
  }

  close(): void {
    this.client.destroy();
    this.server.close();
    this.server.closeAllConnections();
  }

  /** Goes on with another connection. */
  async connect(): Promise<void> {
    this.client?.destroy();
    const connected = once(this.server, 'connection') as Promise<[Socket]>;
    const { port } = this.server.address() as AddressInfo;
    this.client = await RawSocket.connect(`http://127.0.0.1:${port}`);
    [this.socket] = await connected;
  }

  get bodies(): string[] {
    return this.seen.map(({ body }) => body);
  }

  /** What the client was answered: `true`, or the message of the error. */
  get answers(): string[] {
    return this.client.answers.map(({ body }) =>
      body === 'true' ? body : (JSON.parse(body) as ErrorAnswer).message,
    );
  }

  untilAnswers(count: number): Promise<void> {
    return this.client.until(() => this.answers.length >= count);
  }

  /** Sends what the server reads at once. */
  async sendChunk(text: string): Promise<void> {
    const { socket } = this;
    const read = socket.bytesRead + text.length;
    this.client.write(Buffer.from(text, 'latin1'));
    while (socket.bytesRead < read) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Sends requests one after the other, each once the one before is answered. */
  async send(...requests: string[]): Promise<void> {
    for (const request of requests) {
      const { length } = this.answers;
      await this.sendChunk(request);
      await this.untilAnswers(length + 1);
    }
  }

  async settleDown(form: (body: string) => string = written): Promise<void> {
    await this.send(...HABIT.map((body) => form(body)));
  }

  private readonly handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      this.last = request;
      if (request instanceof RepeatedRequest) this.repetitions++;
      const body = (await this.body.read(request)).toString('latin1');
      const { method, url, rawHeaders, headers } = request;
      this.seen.push({ method, url, rawHeaders: [...rawHeaders], headers: { ...headers }, body });
      await this.gates.pass('answer');
      if (body.startsWith('!')) throw new BadRequestException(body);
      answerTrue(response);
    } catch (error) {
      answerError(response, error);
    }
  };
}
