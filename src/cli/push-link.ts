import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { EXIT } from './exit-codes.js';
import { Failure } from './failure.js';
import { GaveUp, WrongInput } from './push-remedy.js';
import { refusal, unreachable } from './server.js';

/** Longer than a push takes: the store's own limit is 2 s. After that the connection is taken for dead. */
const ANSWER_MS = 15_000;

/** The rule for every client: `random(0, min(20 s, 0.5 s · 2^n))`. docs/protocol.md, section 8. */
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 20_000;

/** What to do about a push that is too large as a whole. */
const SMALLER = 'make --batch smaller';

const OTHER_INPUT = 'restore the input that this --key was used with; other input needs another one';

/** What was tried may work when it is tried again. */
class TryAgain extends Error {}

/** The push WebSocket of a server, opened when something is to be pushed and opened anew where it broke. */
export class PushLink {
  private socket: WebSocket | undefined;
  private hasWorked = false;

  /** @param giveUpMs how long a push is tried again */
  constructor(
    private readonly url: URL,
    private readonly apiKey: string | undefined,
    private readonly giveUpMs: number,
    private readonly onRetry: (why: string) => void,
  ) {}

  /**
   * Pushes a message until the server has stored it. It must hold an idempotency key: it may be sent again.
   *
   * @throws Failure where the server refuses it, or takes it in `giveUpMs` not once
   */
  async push(message: string): Promise<void> {
    const givesUpAt = Date.now() + this.giveUpMs;
    for (let n = 0; ; n++) {
      try {
        return await this.attempt(message);
      } catch (error) {
        if (!(error instanceof TryAgain)) throw error;
        const waitMs = Math.random() * Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** n);
        if (Date.now() + waitMs > givesUpAt) {
          throw new GaveUp(EXIT.unavailable, `gave up: ${error.message}`, 'try again later');
        }
        this.onRetry(error.message);
        await delay(waitMs);
      }
    }
  }

  close(): void {
    this.socket?.close();
  }

  private async attempt(message: string): Promise<void> {
    if (this.socket?.readyState !== WebSocket.OPEN) this.socket = await this.open();
    const answer = await ask(this.socket, message);
    if (answer === 'true') return;
    const { statusCode, message: reason } = JSON.parse(answer) as { statusCode: number; message: string };
    if (statusCode === 429 || statusCode >= 500) throw new TryAgain(reason);
    throw refused(statusCode, reason);
  }

  private async open(): Promise<WebSocket> {
    const headers = this.apiKey === undefined ? {} : { Authorization: `Bearer ${this.apiKey}` };
    const socket = new WebSocket(this.url, { headers, handshakeTimeout: ANSWER_MS });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('open', resolve);
        socket.on('error', reject);
        socket.once('unexpected-response', (_, response) => {
          refusalOf(response).then(reject, reject);
        });
      });
    } catch (error) {
      if (error instanceof Failure && error.exitCode !== EXIT.unavailable) throw error;
      const failure = error instanceof Failure ? error : unreachable(this.url, error);
      // A server that was never there is rather the wrong one.
      throw this.hasWorked ? new TryAgain(failure.message) : failure;
    }
    this.hasWorked = true;
    return socket;
  }
}

function refused(statusCode: number, reason: string): Failure {
  if (statusCode === 422) return new Failure(EXIT.data, reason, OTHER_INPUT);
  if (statusCode === 413 && reason.startsWith('body')) return new WrongInput(reason, undefined, SMALLER);
  const failure = refusal(statusCode, reason);
  return failure.exitCode === EXIT.data ? new WrongInput(reason) : failure;
}

async function refusalOf(response: IncomingMessage): Promise<Failure> {
  const body = await text(response);
  const { statusCode: status = 0 } = response;
  try {
    return refusal(status, String((JSON.parse(body) as { message: unknown }).message));
  } catch {
    return new Failure(
      EXIT.unavailable,
      `the server answers ${status}, and not as a notifier`,
      'is --url right?',
    );
  }
}

/** Sends a message, and waits for the one that answers it. */
function ask(socket: WebSocket, message: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      clearTimeout(timer);
      socket.off('message', onAnswer);
      socket.off('close', onClose);
      settle();
    };
    const onAnswer = (data: Buffer) => end(() => resolve(data.toString()));
    const onClose = (code: number, reason: Buffer) => end(() => reject(closed(code, reason.toString())));
    const timer = setTimeout(() => socket.terminate(), ANSWER_MS);
    socket.on('message', onAnswer);
    socket.on('close', onClose);
    socket.send(message);
  });
}

function closed(code: number, reason: string): Error {
  if (code === 1009) {
    return new WrongInput('a push is larger than the server takes', undefined, SMALLER);
  }
  if (code === 1003 || code === 1007) return new WrongInput(`the server ended it with ${code} ${reason}`);
  return new TryAgain(reason || 'the connection broke');
}
