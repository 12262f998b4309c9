import { Logger } from '@nestjs/common';
import { causeOf } from '../cause.js';
import {
  Authenticator,
  NotAdmittedError,
  type AdmittedUntil,
  type Credentials,
} from '../notifier/authenticator.js';
import type { Close } from '../notifier/close.js';
import { Gate } from './gate.js';
import { readBounded } from './read-bounded.js';

/** From the first message to the answer, the wait for a place among the questions included. */
const ANSWER_MS = 5000;

/** Questions at once: 64 answers of 50 ms each are 1,280 subscriptions a second, and no flood to who answers. */
const MAX_QUESTIONS = 64;

/** Nothing of an answer but its status counts. */
const MAX_ANSWER_BYTES = 64 * 1024;

/** Asks an HTTP service of the operator's whether a client may have a user's events. The token is the service's and the client's own. */
export class AskingAuthenticator extends Authenticator {
  private readonly logger = new Logger(AskingAuthenticator.name);
  private readonly gate = new Gate(MAX_QUESTIONS);
  private answers = true;
  private readonly unclear = new Set<number>();

  constructor(
    private readonly url: URL,
    private readonly answerMs = ANSWER_MS,
  ) {
    super();
  }

  async authenticate(credentials: Credentials): Promise<AdmittedUntil> {
    if (credentials.token === undefined) {
      throw refused({ reason: 'unauthorized', detail: 'token is missing' });
    }
    const status = await this.statusFor(credentials);
    if (allows(status)) return Infinity;
    if (denies(status)) throw refused({ reason: 'unauthorized' });
    throw refused({ reason: 'try again later', detail: 'the authenticator does not answer' });
  }

  /** The status of the answer; 0 where there is none in time. */
  private async statusFor(credentials: Credentials): Promise<number> {
    const signal = AbortSignal.timeout(this.answerMs);
    try {
      const status = await this.gate.through(signal, () => this.ask(credentials, signal));
      this.note(status < 500, `status ${status}`);
      if (status < 500 && !allows(status) && !denies(status)) this.noteUnclear(status);
      return status;
    } catch (error) {
      this.note(false, causeOf(error));
      return 0;
    }
  }

  private async ask({ accessId, token, address }: Credentials, signal: AbortSignal): Promise<number> {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ access_id: accessId, token, ip: address }),
      // A redirect would carry the token to who knows where.
      redirect: 'manual',
      signal,
    });
    // Read to the end, so that its connection can be used again; what cannot be is given up.
    await readBounded(response, MAX_ANSWER_BYTES).catch(() => undefined);
    return response.status;
  }

  /** One line when it stops answering, and one when it answers again: never a token or the URL, which may hold a secret. */
  private note(answers: boolean, cause: string): void {
    if (answers === this.answers) return;
    this.answers = answers;
    if (answers) this.logger.log('the authenticator answers again');
    else this.logger.warn(`the authenticator does not answer: ${cause}`);
  }

  /** Once a status, since what it answers may depend on what a client sends. */
  private noteUnclear(status: number): void {
    if (this.unclear.has(status)) return;
    this.unclear.add(status);
    this.logger.warn(`the authenticator answers ${status}, which is neither yes (2xx) nor no (401, 403)`);
  }
}

function allows(status: number): boolean {
  return status >= 200 && status < 300;
}

function denies(status: number): boolean {
  return status === 401 || status === 403;
}

function refused(close: Close): NotAdmittedError {
  return new NotAdmittedError(close);
}
