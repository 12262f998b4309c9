import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyResult } from 'jose';
import { causeOf } from '../cause.js';
import { readBounded } from './read-bounded.js';
import type { TokenKeys, Verify } from './token-keys.js';

/** A token's key is not known, and the set that may have it cannot be fetched. */
export class KeySetUnavailableError extends Error {
  override readonly name = 'KeySetUnavailableError';
}

const KEY_SET_TIMES = {
  /** How often a set is looked at again, so that a removed key ends; a fetch a minute is nothing to whoever serves it. */
  refreshMs: 60_000,
  /** Between two fetches: tokens with invented key ids must not become a flood of them. */
  pauseMs: 1000,
  /** How long a fetch may take. */
  fetchMs: 5000,
};

/** 100 RSA keys with their certificates, and a tenth of what would hurt. */
const MAX_BYTES = 256 * 1024;

type LocalKeySet = ReturnType<typeof createLocalJWKSet>;

/** Keys published at a URL as a JWK set (RFC 7517, section 5): fetched one fetch at a time, kept while it does not answer. */
export class KeySet implements TokenKeys {
  readonly algorithms = ['RS256', 'PS256', 'ES256', 'EdDSA'];
  private readonly logger = new Logger(KeySet.name);
  private known: LocalKeySet | undefined;
  private refreshing: Promise<boolean> | undefined;
  private endOfPause = 0;
  private wasFetched = true;
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly url: URL,
    private readonly times = KEY_SET_TIMES,
  ) {
    void this.refresh();
    this.timer = setInterval(() => void this.refresh(), times.refreshMs).unref();
  }

  close(): void {
    clearInterval(this.timer);
  }

  /** @throws KeySetUnavailableError */
  async verify(verify: Verify): Promise<JWTVerifyResult> {
    try {
      return await this.verifyWithKnown(verify);
    } catch (error) {
      if (!isUnknownKey(error)) throw error;
    }
    // A new key may have been published since: the token's word for it is no more than a reason to look.
    const isFresh = await this.refresh();
    try {
      return await this.verifyWithKnown(verify);
    } catch (error) {
      throw isUnknownKey(error) && !isFresh ? new KeySetUnavailableError() : error;
    }
  }

  private async verifyWithKnown(verify: Verify): Promise<JWTVerifyResult> {
    const { known } = this;
    if (!known) throw new errors.JWKSNoMatchingKey();
    let namesKey = true;
    try {
      return await verify((header, token) => {
        namesKey = header.kid !== undefined;
        return known(header, token);
      });
    } catch (error) {
      if (error instanceof errors.JWKSMultipleMatchingKeys) return firstThatFits(error, verify);
      throw !namesKey && isWrongSignature(error) ? new NoKeyFitsError() : error;
    }
  }

  /**
   * Fetches the set. Whoever asks during a fetch or the pause before it gets the same one.
   *
   * @returns whether the set that is known now was fetched after the call, or while it waited
   */
  private refresh(): Promise<boolean> {
    this.refreshing ??= this.fetchAfterPause().finally(() => (this.refreshing = undefined));
    return this.refreshing;
  }

  private async fetchAfterPause(): Promise<boolean> {
    await delay(Math.max(0, this.endOfPause - performance.now()), undefined, { ref: false });
    try {
      this.known = createLocalJWKSet(await this.fetch());
      this.note(true, 'fetched the keys of tokens');
      return true;
    } catch (error) {
      // Neither the URL, which may hold a secret, nor what came from there, as a text about JSON would quote it.
      const cause = error instanceof SyntaxError ? 'not JSON' : causeOf(error);
      this.note(false, `the keys of tokens cannot be fetched: ${cause}`);
      return false;
    } finally {
      this.endOfPause = performance.now() + this.times.pauseMs;
    }
  }

  private async fetch(): Promise<JSONWebKeySet> {
    const signal = AbortSignal.timeout(this.times.fetchMs);
    const response = await fetch(this.url, {
      signal,
      redirect: 'error',
      headers: { Accept: 'application/jwk-set+json, application/json' },
    });
    const text = await readBounded(response, MAX_BYTES);
    if (response.status !== 200) throw new Error(`status ${response.status}`);
    return JSON.parse(text) as JSONWebKeySet;
  }

  /** One line when it stops answering, and one when it answers again. */
  private note(isFetched: boolean, message: string): void {
    if (isFetched !== this.wasFetched) this.logger[isFetched ? 'log' : 'warn'](message);
    this.wasFetched = isFetched;
  }
}

function isUnknownKey(error: unknown): boolean {
  return error instanceof errors.JWKSNoMatchingKey || error instanceof NoKeyFitsError;
}

function isWrongSignature(error: unknown): boolean {
  return error instanceof errors.JWSSignatureVerificationFailed;
}

/** A token that names no key was signed with none of those known. */
class NoKeyFitsError extends errors.JWSSignatureVerificationFailed {}

/** A token need not name its key: the first that fits is it. */
async function firstThatFits(
  candidates: errors.JWKSMultipleMatchingKeys,
  verify: Verify,
): Promise<JWTVerifyResult> {
  for await (const key of candidates) {
    try {
      return await verify(key);
    } catch (error) {
      if (!isWrongSignature(error)) throw error;
    }
  }
  throw new NoKeyFitsError();
}
